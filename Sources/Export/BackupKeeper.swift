// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Logging
internal import Models
internal import Processes
internal import SystemPackage

/// Compresses backups, one at a time, and removes the oldest, apart from whoever writes.
///
/// All that it knows it reads from the directory, each time anew: what an agent that died left is found like the rest.
actor BackupKeeper {
    private let place: ExportPlace
    private let maxBackups: Int
    private let compresses: Bool
    private let logger: Logger
    private let queue = DiskQueue("export backups")
    private let wakes: AsyncStream<Void>
    private let wakening: AsyncStream<Void>.Continuation
    private var allowance = LineAllowance.onceAMinute()

    /// Backups that are looked at, in a directory that may hold anything.
    private static let most = 100_000

    nonisolated var unownedExecutor: UnownedSerialExecutor { queue.asUnownedSerialExecutor() }

    /// - Parameter maxBackups: 0: all are kept.
    init(_ place: ExportPlace, maxBackups: Int, compresses: Bool, logger: Logger) {
        self.place = place
        self.maxBackups = maxBackups
        self.compresses = compresses
        self.logger = logger
        (wakes, wakening) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        wakening.yield()
    }

    /// There may be a new backup. Does not wait.
    nonisolated func wake() { wakening.yield() }

    /// Looks after the backups whenever it is woken, until its task is cancelled.
    func run() async {
        for await _ in wakes {
            do {
                try sweep()
            } catch {
                guard allowance.take(now: WallClock.bootNanoseconds) != nil else { continue }
                logger.error(
                    "cannot look after exported files", metadata: ["export": "\(place.path)", "error": "\(error)"])
            }
        }
    }

    /// Removes what is too old or half done, then compresses the rest, the oldest first.
    func sweep() throws(ExportError) {
        let directory = place.directory
        var stamps: [String: Set<BackupNames.Form>] = [:]
        for (stamp, form) in try directory.list(limit: Self.most, place.backups.read) {
            stamps[stamp, default: []].insert(form)
        }
        let newest = stamps.keys.sorted(by: >)
        // One that cannot be dealt with is no reason to leave the others.
        var failure: ExportError?
        func attempt(_ body: () throws(ExportError) -> Void) {
            do throws(ExportError) { try body() } catch { failure = failure ?? error }
        }
        for (index, stamp) in newest.enumerated() {
            if stamps[stamp]?.remove(.unfinished) != nil {
                attempt { () throws(ExportError) in try remove(stamp, .unfinished) }
            }
            let forms = stamps[stamp] ?? []
            if maxBackups > 0, index >= maxBackups {
                for form in forms { attempt { () throws(ExportError) in try remove(stamp, form) } }
            } else if forms.isSuperset(of: [.plain, .compressed]) {
                // The compressed one got its name when it was complete.
                attempt { () throws(ExportError) in try remove(stamp, .plain) }
            }
        }
        if compresses {
            for stamp in newest.prefix(maxBackups > 0 ? maxBackups : Self.most).reversed()
            where stamps[stamp] == [.plain] && !Task.isCancelled {
                attempt { () throws(ExportError) in try compress(stamp) }
            }
        }
        if let failure { throw failure }
    }

    private func remove(_ stamp: String, _ form: BackupNames.Form) throws(ExportError) {
        let name = place.backups.name(stamp, form)
        guard let file = place.directory.identity(of: name), !place.isInUse(file) else { return }
        try place.directory.remove(name)
    }

    private func compress(_ stamp: String) throws(ExportError) {
        let directory = place.directory
        let (plain, unfinished, compressed) = (
            place.backups.name(stamp, .plain), place.backups.name(stamp, .unfinished),
            place.backups.name(stamp, .compressed)
        )
        guard let identity = directory.identity(of: plain), !place.isInUse(identity) else { return }
        do {
            let source = try directory.open(plain, O_RDONLY)
            defer { try? source.close() }
            guard let target = try directory.make(unfinished, O_WRONLY, permissions: place.permissions) else {
                throw ExportError("\(unfinished) is in the way")
            }
            defer { try? target.close() }
            do throws(Errno) {
                try Self.compress(source, to: target)
            } catch {
                try directory.remove(unfinished)
                if error == .canceled { return }
                throw ExportError(error)
            }
            try directory.rename(unfinished, to: compressed)
            try directory.remove(plain)
        } catch {
            throw ExportError("\(plain) stays as it is: \(error)")
        }
    }

    /// Returns when the result is on the disk: the source is about to go.
    private static func compress(_ source: FileDescriptor, to target: FileDescriptor) throws(Errno) {
        var gzip = try GzipStream()
        let piece = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 17, alignment: 16)
        defer { piece.deallocate() }
        var isLast = false
        while !isLast {
            guard !Task.isCancelled else { throw .canceled }
            let count = read(source.rawValue, piece.baseAddress, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Errno(rawValue: errno) }
            isLast = count == 0
            try gzip.add(UnsafeMutableRawBufferPointer(rebasing: piece[..<count]), isLast: isLast) {
                bytes throws(Errno) in
                try write(bytes, to: target)
            }
        }
        guard fsync(target.rawValue) == 0 else { throw Errno(rawValue: errno) }
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, to target: FileDescriptor) throws(Errno) {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(target.rawValue, rest.baseAddress, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw count < 0 ? Errno(rawValue: errno) : .ioError }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }
}
