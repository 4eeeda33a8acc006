// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import SystemPackage

/// An open file that grows by whole lines.
final class ExportFile {
    private let descriptor: FileDescriptor
    private let isOurs: Bool
    private let isRegular: Bool
    let identity: FileIdentity
    /// Bytes, as far as this agent knows.
    private(set) var size: Int
    /// It ends in the middle of a line that cannot be taken back.
    private var isTorn = false

    private static let newline = UInt8(ascii: "\n")

    static var standardOutput: ExportFile { ExportFile(.standardOutput, isOurs: false) }

    /// - Parameter descriptor: of a file to append to; closed with this.
    convenience init(_ descriptor: FileDescriptor) {
        self.init(descriptor, isOurs: true)
        takeBackTornLine()
    }

    private init(_ descriptor: FileDescriptor, isOurs: Bool) {
        self.descriptor = descriptor
        self.isOurs = isOurs
        var status = stat()
        fstat(descriptor.rawValue, &status)
        isRegular = status.st_mode & S_IFMT == S_IFREG
        identity = FileIdentity(status)
        size = isRegular ? status.st_size : 0
    }

    deinit {
        if isOurs { try? descriptor.close() }
    }

    /// Looks at the file itself: somebody may have emptied it.
    /// - Returns: whether it still has a name.
    func look() -> Bool {
        var status = stat()
        guard isRegular, fstat(descriptor.rawValue, &status) == 0 else { return true }
        size = status.st_size
        return status.st_nlink > 0
    }

    /// Writes whole lines, in one system call where the system takes them at once. What cannot be written leaves no
    /// part of a line behind.
    /// - Returns: bytes of the lines that are in the file, and why not all are.
    func append(_ lines: [UInt8]) -> (written: Int, error: Errno?) {
        if isTorn {
            if let error = write([Self.newline]).error { return (0, error) }
            isTorn = false
            size += 1
        }
        let (count, error) = write(lines)
        let whole = error == nil ? count : (lines[..<count].lastIndex(of: Self.newline) ?? -1) + 1
        if count > whole { isTorn = !takeBack(count - whole) }
        size += whole
        return (whole, error)
    }

    private func write(_ bytes: [UInt8]) -> (count: Int, error: Errno?) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor.rawValue, $0.baseAddress.map { $0 + done }, bytes.count - done)
            }
            if count > 0 {
                done += count
            } else if count == 0 {
                return (done, .ioError)
            } else if errno == EAGAIN {
                // Stdout may be a pipe that somebody made non-blocking; its reader is slow, not gone.
                var wait = pollfd(fd: descriptor.rawValue, events: Int16(POLLOUT), revents: 0)
                poll(&wait, 1, -1)
            } else if errno != EINTR {
                return (done, Errno(rawValue: errno))
            }
        }
        return (done, nil)
    }

    /// Cuts off the last bytes, if it was this agent that wrote them: nobody else's line is cut.
    private func takeBack(_ count: Int) -> Bool {
        var status = stat()
        let end = lseek(descriptor.rawValue, 0, SEEK_CUR)
        guard isRegular, fstat(descriptor.rawValue, &status) == 0, end == status.st_size, end >= count else {
            return false
        }
        // Also the place to write at: stdout need not be open for appending.
        return ftruncate(descriptor.rawValue, end - count) == 0
            && lseek(descriptor.rawValue, end - count, SEEK_SET) == end - count
    }

    /// How this agent's lines begin, unless field filters have rearranged them.
    private static let beginnings = [
        #"{"process_exec":{"#, #"{"process_exit":{"#, #"{"test":{"#, #"{"rate_limit_info":{"#,
    ].map { Array($0.utf8) }

    /// Whether the beginning of a line is one of this agent's, however short.
    private static func isOwn(_ tail: [UInt8]) -> Bool {
        beginnings.contains { tail.starts(with: $0) || $0.starts(with: tail) }
    }

    /// An agent that was killed may have left a part of a line. It is cut off if it is this agent's, else ended.
    private func takeBackTornLine() {
        // Longer than any event.
        let block = 1 << 16
        let limit = 64 * block
        var start = size
        var tail: [UInt8] = []
        while start > 0, tail.count < limit {
            let count = min(block, start)
            start -= count
            var bytes = [UInt8](repeating: 0, count: count)
            guard pread(descriptor.rawValue, &bytes, count, start) == count else { return }
            if let last = bytes.lastIndex(of: Self.newline) {
                tail = bytes[(last + 1)...] + tail
                break
            }
            tail = bytes + tail
        }
        guard !tail.isEmpty else { return }
        if Self.isOwn(tail), ftruncate(descriptor.rawValue, size - tail.count) == 0 {
            size -= tail.count
        } else {
            isTorn = true
        }
    }
}
