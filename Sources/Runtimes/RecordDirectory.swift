// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Why a record could not be read.
enum RecordError: Error, Equatable {
    /// What open(2) or read(2) said.
    case system(CInt)
    case notAFile
    case tooLong(limit: Int)
    case tooManyEntries

    var description: String {
        switch self {
        case .system(let error): String(cString: strerror(error))
        case .notAFile: "it is no regular file"
        case .tooLong(let limit): "it is longer than \(limit) bytes"
        case .tooManyEntries: "it has more than \(maximumContainers) entries"
        }
    }
}

/// A directory of a runtime's records. What is below it is opened without following symbolic links and read bounded.
struct RecordDirectory: ~Copyable {
    private let descriptor: CInt

    /// The directory itself may be a symbolic link: it is the runtime's or the administrator's.
    init(_ path: String) throws(RecordError) {
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { throw .system(errno) }
    }

    private init(descriptor: CInt) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    func directory(_ name: String) throws(RecordError) -> RecordDirectory {
        let child = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        if child < 0 { throw .system(errno) }
        return RecordDirectory(descriptor: child)
    }

    /// The names in it that do not begin with a dot, in no order.
    func names() throws(RecordError) -> [String] {
        // A descriptor of its own, because closedir() closes it and a copy would share its place.
        let own = openat(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if own < 0 { throw .system(errno) }
        guard let stream = fdopendir(own) else {
            let error = errno
            close(own)
            throw .system(error)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name.hasPrefix(".") { continue }
            if names.count == maximumContainers { throw .tooManyEntries }
            names.append(name)
        }
        return names
    }

    /// The content of a regular file.
    func file(_ name: String, limit: Int) throws(RecordError) -> [UInt8] {
        // Non-blocking: a FIFO shall not hold anybody up before it is found to be none of ours.
        let file = openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        if file < 0 { throw .system(errno) }
        defer { close(file) }
        var status = stat()
        if fstat(file, &status) != 0 { throw .system(errno) }
        if status.st_mode & S_IFMT != S_IFREG { throw .notAFile }
        if status.st_size > limit { throw .tooLong(limit: limit) }

        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(status.st_size) + 1)
        while true {
            var failure: CInt = 0
            let piece = [UInt8](unsafeUninitializedCapacity: max(Int(status.st_size) + 1 - bytes.count, 4096)) {
                let got = read(file, $0.baseAddress, $0.count)
                if got < 0 { failure = errno }
                $1 = max(got, 0)
            }
            if failure == EINTR { continue }
            if failure != 0 { throw .system(failure) }
            if piece.isEmpty { return bytes }
            bytes += piece
            if bytes.count > limit { throw .tooLong(limit: limit) }
        }
    }
}
