// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Glibc

/// The names of the host's accounts, from its passwd(5) file, which is read anew when it has changed.
///
/// Processes in mount or user namespaces of their own have none: what an id means there is for the container to say,
/// and what it says is not believed.
package struct UserNames: Sendable {
    private let path: String
    private let host: NamespaceNumbers
    /// Told once in words when the file cannot be read, and again when the reason is another.
    private let trouble: @Sendable (String) -> Void

    private var names: [UInt32: String] = [:]
    /// What was read, or could not be.
    private var known: FileState?
    private var lastTrouble = ""
    private var lastLook: UInt64?

    /// A larger file is not read: the thread that does waits for it.
    static let largestFile = 4 << 20
    /// An event's uid that is known has its name without a look at the file for so long.
    private static let patience: UInt64 = 1_000_000_000

    /// - Parameters:
    ///   - file: the host's passwd.
    ///   - host: the host's namespaces.
    package init(file: String, host: NamespaceNumbers, trouble: @escaping @Sendable (String) -> Void) {
        path = file
        self.host = host
        self.trouble = trouble
    }

    /// The name of a process's effective user id; nil outside of the host's namespaces, or where there is none.
    mutating func name(of process: rec_exec) -> String? {
        guard host.hasMountNamespace(process.ns.mnt), host.hasUserNamespace(process.ns.user) else { return nil }
        return name(of: process.creds.euid, at: process.head.time)
    }

    /// - Parameter now: nanoseconds of a clock that does not go back.
    mutating func name(of uid: UInt32, at now: UInt64) -> String? {
        // Who was made a moment ago is to have a name, too.
        let isFresh = lastLook.map { now < $0 &+ Self.patience } ?? false
        if isFresh, let name = names[uid] { return name }
        lastLook = now
        look()
        return names[uid]
    }

    private mutating func look() {
        do throws(Trouble) {
            if known != nil, known == FileState(path) { return }
            let (bytes, state) = try Self.read(path)
            known = state
            names = Self.names(in: bytes)
            lastTrouble = ""
        } catch {
            known = FileState(path)
            names = [:]
            if error.text != lastTrouble { trouble(error.text) }
            lastTrouble = error.text
        }
    }

    // MARK: The file

    private struct Trouble: Error {
        let text: String
    }

    /// What changes when a file does: another in its place, or another content.
    private struct FileState: Equatable {
        let device, inode: UInt64
        let size: Int
        let seconds, nanoseconds: Int

        init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            size = Int(status.st_size)
            seconds = status.st_mtim.tv_sec
            nanoseconds = status.st_mtim.tv_nsec
        }

        init?(_ path: String) {
            var status = stat()
            guard lstat(path, &status) == 0 else { return nil }
            self.init(status)
        }
    }

    private static func read(_ path: String) throws(Trouble) -> ([UInt8], FileState) {
        // A link would lead out of the host's root where the agent has another.
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Trouble(text: errno == ELOOP ? "it is a symbolic link" : String(cString: strerror(errno)))
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Trouble(text: "it is no regular file")
        }
        guard status.st_size <= largestFile else {
            throw Trouble(text: "it is larger than \(largestFile >> 20) MB")
        }
        var bytes: [UInt8] = []
        while bytes.count < largestFile {
            let part = [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
                count = max(Glibc.read(descriptor, buffer.baseAddress, buffer.count), 0)
            }
            if part.isEmpty { break }
            bytes += part
        }
        return (bytes, FileState(status))
    }

    /// Of several accounts with one id the first, as getpwuid(3) has it. Lines that are none are passed over.
    static func names(in file: [UInt8]) -> [UInt32: String] {
        var names: [UInt32: String] = [:]
        for line in file.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: ":"), maxSplits: 3, omittingEmptySubsequences: false)
            // "+" and "-" begin lines for NIS; a name is shorter than the 256 bytes that Linux has room for.
            guard fields.count == 4, (1...255).contains(fields[0].count), !fields[0].contains(0),
                let first = fields[0].first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-"),
                first != UInt8(ascii: "#"), let uid = number(fields[2]), names[uid] == nil
            else { continue }
            names[uid] = String(decoding: fields[0], as: UTF8.self)
        }
        return names
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt32? {
        guard digits.count <= 10, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        return UInt32(String(decoding: digits, as: UTF8.self))
    }
}
