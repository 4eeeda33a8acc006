// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A directory whose content is believed, because root alone can have put it there.
package struct RootsDirectory: Sendable {
    /// What keeps a directory from being one: path and reason.
    package struct Unfit: Error, CustomStringConvertible {
        package let description: String
    }

    package let path: String

    package init(_ path: String) { self.path = path }

    /// Makes the directory where it is missing, for root alone; those above it for everybody to pass.
    package func make() throws(Unfit) {
        var above = ""
        for component in path.split(separator: "/").dropLast() {
            above += "/" + component
            if mkdir(above, 0o755) != 0, errno != EEXIST { throw Unfit(description: "cannot make \(above): \(reason)") }
        }
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw Unfit(description: "cannot make \(path): \(reason)") }
        close(try open())
    }

    /// A descriptor of it, for the caller to close.
    func open() throws(Unfit) -> Int32 {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw Unfit(description: "cannot open \(path): \(reason)") }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_uid == 0, status.st_mode & 0o022 == 0 else {
            close(descriptor)
            throw Unfit(description: "\(path) must be root's, and writable by nobody else (chown root, chmod 0700)")
        }
        return descriptor
    }

    private var reason: String { String(cString: strerror(errno)) }
}
