// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import SystemPackage

/// Why a file is not read.
package enum FileProblem: Error, CustomStringConvertible {
    case system(Errno)
    case notRegular
    case tooLarge(limit: Int)

    package var description: String {
        switch self {
        case .system(let error): "\(error)"
        case .notRegular: "it is not a regular file"
        case .tooLarge(let limit): "it is larger than \(limit >> 10) KiB"
        }
    }
}

/// What tells one state of a file from another.
package struct FileSignature: Equatable {
    private let numbers: [Int]

    /// Files change without a trace within the tick of the clock that stamps them.
    package let isSettled: Bool

    init(_ status: stat) {
        numbers = [
            Int(bitPattern: UInt(status.st_dev)), Int(bitPattern: UInt(status.st_ino)), status.st_size,
            status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec,
        ]
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        isSettled = now.tv_sec.subtractingReportingOverflow(status.st_ctim.tv_sec).partialValue > 2
    }

    package static func == (one: Self, other: Self) -> Bool { one.numbers == other.numbers }
}

/// A regular file that is read whole. Links are followed: who may write them may write the file.
package struct SmallFile: ~Copyable {
    private let descriptor: Int32
    private let size: Int
    package let signature: FileSignature

    package init(_ path: String) throws(FileProblem) {
        // Opening a FIFO would wait for a writer, opening a terminal could make it ours.
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw .system(Errno(rawValue: errno)) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let error = Errno(rawValue: errno)
            close(descriptor)
            throw .system(error)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw .notRegular
        }
        size = status.st_size
        signature = FileSignature(status)
    }

    deinit { close(descriptor) }

    /// All bytes, at most `limit` of them.
    package borrowing func read(limit: Int) throws(FileProblem) -> [UInt8] {
        guard size <= limit else { throw .tooLarge(limit: limit) }
        // One more than there should be, to see that nothing was appended; a file that grows is read the next time.
        var bytes = [UInt8](repeating: 0, count: size + 1)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress.map { $0 + count }, $0.count - count)
            }
            if got == 0 { break }
            if got > 0 {
                count += got
            } else if errno != EINTR {
                throw .system(Errno(rawValue: errno))
            }
        }
        guard count <= size else { throw .system(.resourceTemporarilyUnavailable) }
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    package static func read(_ path: String, limit: Int) throws(FileProblem) -> [UInt8] {
        try SmallFile(path).read(limit: limit)
    }
}
