// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Models
internal import SystemPackage

/// A listening unix socket and its name in the file system, which goes when the listener goes.
struct SocketFile: Sendable {
    let descriptor: Int32
    let path: String

    /// Makes the socket with exactly this mode, of this group if one is given, and its parent directories where they
    /// are missing.
    ///
    /// A socket file that nobody listens on any more is replaced, everything else in its place is left alone: a live
    /// agent's socket, a file, a symbolic link.
    static func listen(path: String, mode: UInt32, group: UInt32? = nil) throws(ListenError) -> SocketFile {
        let address = ListenAddress.unix(path: path)
        func failure(_ attempt: String) -> ListenError {
            ListenError(address, "\(attempt): \(Errno(rawValue: errno))")
        }

        guard path.utf8.count <= ListenAddress.longestPath else {
            throw ListenError(address, "the path is longer than \(ListenAddress.longestPath) bytes")
        }
        let directory = try openDirectory(of: path, for: address)
        defer { close(directory) }
        // Two agents that start at once would both find the same dead socket, and the slower one would then remove
        // the other's live one: look and replace under a lock.
        guard flock(directory, LOCK_EX) == 0 else { throw failure("cannot lock its directory") }

        try makeRoom(path, for: address)

        let descriptor = Glibc.socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw failure("cannot make a socket") }
        do throws(ListenError) {
            // bind(2) takes the mode from the socket itself, less the umask: there is no moment with more rights.
            guard fchmod(descriptor, group == nil ? mode : 0o600) == 0 else {
                throw failure("cannot set the socket's mode")
            }
            guard withUnixAddress(path, { bind(descriptor, $0, $1) }) == 0 else { throw failure("cannot bind") }
            if let group, lchown(path, uid_t.max, group) != 0 { throw failure("cannot give it to group \(group)") }
            // What the umask took away, the hook's clients need back.
            guard let made = status(of: path), made.st_mode & 0o7777 == mode || chmod(path, mode) == 0 else {
                throw failure("cannot set the socket's mode")
            }
            guard Glibc.listen(descriptor, 1024) == 0 else { throw failure("cannot listen") }
            return SocketFile(descriptor: descriptor, path: path)
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Removes the name, once the listener is closed: a socket that somebody listens on is another agent's by then.
    /// (Nothing that the file itself shows would tell: inode numbers are used again at once.)
    func remove() {
        let address = ListenAddress.unix(path: path)
        guard Self.status(of: path) != nil, let directory = try? Self.openDirectory(of: path, for: address) else {
            return
        }
        defer { close(directory) }
        guard flock(directory, LOCK_EX) == 0 else { return }
        // What is in the way of removing it would be in the way of the next start too, which says so.
        try? Self.makeRoom(path, for: address)
    }

    /// Removes a socket that is there and dead.
    private static func makeRoom(_ path: String, for address: ListenAddress) throws(ListenError) {
        guard let found = status(of: path) else { return }
        guard found.st_mode & S_IFMT == S_IFSOCK else {
            throw ListenError(address, "there is something else than a socket in its place; remove it")
        }
        let probe = Glibc.socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard probe >= 0 else { throw ListenError(address, "cannot make a socket: \(Errno(rawValue: errno))") }
        defer { close(probe) }
        // EAGAIN is a live listener with a full backlog; only ECONNREFUSED means that nobody listens.
        guard withUnixAddress(path, { connect(probe, $0, $1) }) != 0, errno == ECONNREFUSED else {
            throw ListenError(address, "another process listens there; two agents need different addresses")
        }
        guard unlink(path) == 0 || errno == ENOENT else {
            throw ListenError(address, "cannot remove the dead socket in its place: \(Errno(rawValue: errno))")
        }
    }

    private static func openDirectory(of path: String, for address: ListenAddress) throws(ListenError) -> Int32 {
        let directory = FilePath(path).removingLastComponent()
        var made = FilePath("/")
        for component in directory.components {
            made.append(component)
            guard mkdir(made.string, 0o755) != 0 else {
                // Whatever the umask is: a hook with an unprivileged uid has to get through.
                chmod(made.string, 0o755)
                continue
            }
            guard errno == EEXIST else {
                throw ListenError(address, "cannot make the directory \(made): \(Errno(rawValue: errno))")
            }
        }
        let descriptor = open(directory.string, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw ListenError(address, "cannot open the directory \(directory): \(Errno(rawValue: errno))")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IWOTH == 0 || status.st_mode & S_ISVTX != 0 else {
            close(descriptor)
            throw ListenError(address, "everybody may replace files in \(directory) (mode o+w without the sticky bit)")
        }
        return descriptor
    }

    /// Without following links.
    private static func status(of path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }

    /// The path is at most ``ListenAddress/longestPath`` long.
    private static func withUnixAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { target in
            target.copyBytes(from: path.utf8.prefix(target.count - 1))
        }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
