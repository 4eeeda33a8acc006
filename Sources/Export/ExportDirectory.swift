// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import SystemPackage

/// A file as the kernel knows it, whatever its name is.
struct FileIdentity: Sendable, Hashable {
    let device: dev_t
    let inode: ino_t

    init(_ status: stat) {
        device = status.st_dev
        inode = status.st_ino
    }
}

/// The directory of the export file, held open: who puts another in its place does not get the agent's files there.
/// Names are followed nowhere.
final class ExportDirectory: Sendable {
    private let descriptor: FileDescriptor

    init(_ path: String) throws(Errno) {
        let raw = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard raw >= 0 else { throw Errno(rawValue: errno) }
        descriptor = FileDescriptor(rawValue: raw)
    }

    deinit { try? descriptor.close() }

    /// It has been removed; another may have its name.
    var isGone: Bool {
        var status = stat()
        return fstat(descriptor.rawValue, &status) == 0 && status.st_nlink == 0
    }

    /// Opens a regular file that has no second name: a link, symbolic or hard, could lead to a file of the machine, and
    /// a pipe would hold the agent up.
    func open(_ name: String, _ flags: Int32) throws(ExportError) -> FileDescriptor {
        let raw = openat(descriptor.rawValue, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard raw >= 0 else { throw ExportError(Errno(rawValue: errno)) }
        var status = stat()
        guard fstat(raw, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_nlink <= 1 else {
            close(raw)
            throw ExportError(
                status.st_mode & S_IFMT == S_IFREG
                    ? "it has another name as well (a hard link)" : "it is not a regular file")
        }
        return FileDescriptor(rawValue: raw)
    }

    /// Makes a file, which has exactly these permissions; nil if there is something of the name.
    func make(_ name: String, _ flags: Int32, permissions: UInt32) throws(ExportError) -> FileDescriptor? {
        let flags = flags | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        let raw = openat(descriptor.rawValue, name, flags, mode_t(permissions))
        guard raw >= 0 else {
            if errno == EEXIST { return nil }
            throw ExportError(Errno(rawValue: errno))
        }
        // Not what the umask left of them.
        fchmod(raw, mode_t(permissions))
        return FileDescriptor(rawValue: raw)
    }

    /// Sets the permissions of a file that is the agent's own; another's are the other's affair.
    static func permit(_ permissions: UInt32, of file: FileDescriptor) {
        var status = stat()
        guard fstat(file.rawValue, &status) == 0, status.st_uid == geteuid() else { return }
        fchmod(file.rawValue, mode_t(permissions))
    }

    func rename(_ name: String, to other: String) throws(ExportError) {
        guard renameat(descriptor.rawValue, name, descriptor.rawValue, other) == 0 else {
            throw ExportError(Errno(rawValue: errno))
        }
    }

    /// Removes a file; that there is none is as good.
    func remove(_ name: String) throws(ExportError) {
        guard unlinkat(descriptor.rawValue, name, 0) == 0 || errno == ENOENT else {
            throw ExportError(Errno(rawValue: errno))
        }
    }

    /// nil: there is nothing of the name.
    func identity(of name: String) -> FileIdentity? {
        var status = stat()
        guard fstatat(descriptor.rawValue, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
        return FileIdentity(status)
    }

    /// What `read` makes of the directory's names, those aside of which it makes nothing.
    /// - Parameter limit: so many at most.
    func list<Entry>(limit: Int, _ read: (String) -> Entry?) throws(ExportError) -> [Entry] {
        let raw = openat(descriptor.rawValue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard raw >= 0 else { throw ExportError(Errno(rawValue: errno)) }
        guard let stream = fdopendir(raw) else {
            close(raw)
            throw ExportError(.noMemory)
        }
        defer { closedir(stream) }
        var entries: [Entry] = []
        while entries.count < limit, let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let made = read(name) { entries.append(made) }
        }
        return entries
    }
}
