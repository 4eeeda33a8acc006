// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// An open directory in which only root can write.
final class Directory {
    let descriptor: Int32

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// A directory in this one; nil when there is nothing of the name.
    func open(_ name: String, shown: String) throws(InstallerError) -> Directory? {
        let next = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        if next < 0 {
            let number = errno
            if number == ENOENT { return nil }
            var status = stat()
            let isLink =
                fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_mode & S_IFMT == S_IFLNK
            throw isLink ? Self.isLink(shown) : .system("open the directory \(shown)", number)
        }
        let directory = Directory(descriptor: next)
        try Self.check(next, shown: shown)
        return directory
    }

    func sync() throws(InstallerError) {
        // Some file systems cannot, and say EINVAL: they have nothing to sync.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw .system("sync a directory", errno) }
    }

    /// Refuses what is not root's, or what others can write: they could change what containers run as root.
    @discardableResult
    static func check(_ descriptor: Int32, shown: String) throws(InstallerError) -> stat {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system("look at \(shown)", errno) }
        guard status.st_uid == 0 else {
            throw InstallerError(
                "\(shown) belongs to user \(status.st_uid), who could change what runs as root with every container. "
                    + "Give it to root (chown root \(shown)), or name another path.")
        }
        guard status.st_mode & 0o022 == 0 else {
            let who = status.st_mode & 0o002 != 0 ? "everybody" : "group \(status.st_gid)"
            throw InstallerError(
                "\(shown) can be written by \(who), who could change what runs as root with every container. "
                    + "Take that right away (chmod go-w \(shown)), or name another path.")
        }
        return status
    }

    static func isLink(_ shown: String) -> InstallerError {
        InstallerError(
            "\(shown) is a symbolic link, and what it points to could change under the installer. "
                + "Name the real path.")
    }
}

/// Everything from the descriptor's position on, at most `limit` bytes.
func readAll(_ descriptor: Int32, shown: String, limit: Int) throws(InstallerError) -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = read(descriptor, &buffer, buffer.count)
        if count < 0 && errno == EINTR { continue }
        guard count >= 0 else { throw .system("read \(shown)", errno) }
        if count == 0 { return bytes }
        bytes += buffer[..<count]
        guard bytes.count <= limit else {
            throw InstallerError("\(shown) is larger than \(limit) bytes, which nothing that belongs there is.")
        }
    }
}
