// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Synchronization
internal import SystemPackage

/// Why the export file cannot be opened.
package struct ExportError: Error, CustomStringConvertible {
    package let description: String
}

/// A file that grows by whole lines.
final class ExportFile: Sendable {
    private let descriptor: FileDescriptor
    private let isOurs: Bool
    private let tail = Mutex(Tail.whole)

    /// How the file ends.
    private enum Tail {
        case whole
        /// In the middle of a line: the disk was full there.
        case broken
    }

    static var standardOutput: ExportFile { ExportFile(descriptor: .standardOutput, isOurs: false) }

    /// Appends to the file, or makes it. A link in its place is not followed: the name may lie in a directory that
    /// others can write to, and the agent is root.
    init(path: String, permissions: UInt32) throws(ExportError) {
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        let raw = open(path, flags, mode_t(permissions))
        guard raw >= 0 else {
            let error = Errno(rawValue: errno)
            let reason = error == .tooManySymbolicLinkLevels ? "it is a symbolic link" : "\(error)"
            throw ExportError(description: "cannot open the export file \(path): \(reason)")
        }
        descriptor = FileDescriptor(rawValue: raw)
        isOurs = true
        var status = stat()
        guard fstat(raw, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(raw)
            throw ExportError(description: "cannot use the export file \(path): it is not a regular file")
        }
        if status.st_size > 0 { tail.withLock { $0 = Self.endsInNewline(path, status.st_size) ? .whole : .broken } }
    }

    private init(descriptor: FileDescriptor, isOurs: Bool) {
        self.descriptor = descriptor
        self.isOurs = isOurs
    }

    deinit {
        if isOurs { try? descriptor.close() }
    }

    /// Writes whole lines, in one system call where the system takes them at once. After a failure part of a line may
    /// stand in the file; the next write ends it, so that one line is lost to readers and not two.
    func write(_ lines: [UInt8]) throws(Errno) {
        let result: Result<Void, Errno> = tail.withLock { tail in
            do throws(Errno) {
                if tail == .broken { try writeAll([UInt8(ascii: "\n")], &tail) }
                try writeAll(lines, &tail)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    private func writeAll(_ bytes: [UInt8], _ tail: inout Tail) throws(Errno) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor.rawValue, $0.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if count >= 0 {
                written += count
                tail = written == 0 || bytes[written - 1] == UInt8(ascii: "\n") ? .whole : .broken
            } else if errno == EAGAIN {
                // Stdout may be a pipe that somebody made non-blocking; its reader is slow, not gone.
                var wait = pollfd(fd: descriptor.rawValue, events: Int16(POLLOUT), revents: 0)
                poll(&wait, 1, -1)
            } else if errno != EINTR {
                throw Errno(rawValue: errno)
            }
        }
    }

    private static func endsInNewline(_ path: String, _ size: Int) -> Bool {
        let reader = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard reader >= 0 else { return true }
        defer { close(reader) }
        var last: UInt8 = 0
        return pread(reader, &last, 1, off_t(size - 1)) == 1 ? last == UInt8(ascii: "\n") : true
    }
}
