// SPDX-License-Identifier: Apache-2.0
import Glibc

/// An executable file for one test.
struct TemporaryFile {
    let path: String

    init(_ name: String, _ bytes: [UInt8]) throws {
        var directory = Array("/tmp/apus-XXXXXX".utf8CString)
        guard mkdtemp(&directory) != nil else { throw TestFailure("mkdtemp: errno \(errno)") }
        path = directory.withUnsafeBufferPointer { String(cString: $0.baseAddress!) } + "/" + name
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o755)
        guard descriptor >= 0, write(descriptor, bytes, bytes.count) == bytes.count else {
            throw TestFailure("cannot write \(path): errno \(errno)")
        }
        close(descriptor)
        // For programs that run as nobody.
        chmod(String(path.dropLast(name.utf8.count + 1)), 0o755)
    }

    init(_ name: String, contentsOf other: String) throws {
        guard let file = fopen(other, "r") else { throw TestFailure("cannot read \(other): errno \(errno)") }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 16 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        try self.init(name, Array(bytes[..<count]))
    }

    func remove() {
        unlink(path)
        rmdir(String(path[..<path.lastIndex(of: "/")!]))
    }
}
