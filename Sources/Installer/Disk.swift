// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The file system as the installer may touch it: below one root directory, through directories in which only root can
/// write, never through a symbolic link.
///
/// Every component is opened from the one above it, so what was checked is what is used. Every change is announced to
/// `willChange` first, and leaves a state from which running the command again goes on.
final class Disk {
    struct File {
        var bytes: [UInt8]
        /// Permission bits.
        var mode: mode_t
        var group: gid_t
    }

    let root: String
    private let rootDescriptor: Int32
    private let willChange: (String) throws(InstallerError) -> Void

    /// Opens and locks the root directory: two installers on one node take turns, the second is told so.
    init(root: String, willChange: @escaping (String) throws(InstallerError) -> Void) throws(InstallerError) {
        self.root = root == "/" ? "" : root
        self.willChange = willChange
        rootDescriptor = open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard rootDescriptor >= 0 else { throw .system("open the root directory \(root)", errno) }
        guard flock(rootDescriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw InstallerError(
                "cannot lock \(root): \(systemMessage(errno)). Another apus hook command runs; wait for its end.")
        }
        try Directory.check(rootDescriptor, shown: root)
    }

    deinit {
        // Not by closing alone: a program that is about to start may have the descriptor, too.
        flock(rootDescriptor, LOCK_UN)
        close(rootDescriptor)
    }

    /// A path as the operator finds it.
    func shown(_ path: AbsolutePath) -> String { root + path.description }

    /// The directory that holds the file, or nil when it does not exist. What exists of the way is checked in any case.
    private func directory(of path: AbsolutePath) throws(InstallerError) -> Directory? {
        var directory = Directory(descriptor: dup(rootDescriptor))
        for step in path.directories {
            guard let next = try directory.open(step.name, shown: shown(step)) else { return nil }
            directory = next
        }
        return directory
    }

    private func existingDirectory(of path: AbsolutePath) throws(InstallerError) -> Directory {
        guard let directory = try directory(of: path) else {
            throw .system("reach \(shown(path))", ENOENT, advice: "Something else removes its directory.")
        }
        return directory
    }

    /// The directories above the path that do not exist, from the top.
    func missingDirectories(of path: AbsolutePath) throws(InstallerError) -> [AbsolutePath] {
        var directory = Directory(descriptor: dup(rootDescriptor))
        for (index, step) in path.directories.enumerated() {
            guard let next = try directory.open(step.name, shown: shown(step)) else {
                return Array(path.directories[index...])
            }
            directory = next
        }
        return []
    }

    /// Reads a regular file of root's that nobody else can write; nil when it does not exist.
    func read(_ path: AbsolutePath, limit: Int) throws(InstallerError) -> File? {
        guard let directory = try directory(of: path) else { return nil }
        let descriptor = openat(
            directory.descriptor, path.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        if descriptor < 0 && errno == ENOENT { return nil }
        if descriptor < 0 && errno == ELOOP { throw Directory.isLink(shown(path)) }
        guard descriptor >= 0 else { throw .system("open \(shown(path))", errno) }
        defer { close(descriptor) }
        let status = try Directory.check(descriptor, shown: shown(path))
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw InstallerError("\(shown(path)) is not a regular file. Name another path, or remove it.")
        }
        let bytes = try readAll(descriptor, shown: shown(path), limit: limit)
        return File(bytes: bytes, mode: status.st_mode & 0o7777, group: status.st_gid)
    }

    /// The names in a directory; none when it does not exist.
    func names(in path: AbsolutePath) throws(InstallerError) -> [String] {
        guard let directory = try directory(of: path.appending("-")) else { return [] }
        guard let stream = fdopendir(dup(directory.descriptor)) else { throw .system("list \(shown(path))", errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names.sorted()
    }

    func makeDirectory(_ path: AbsolutePath) throws(InstallerError) {
        let parent = try existingDirectory(of: path)
        try willChange("make the directory \(shown(path))")
        // The mode is set by hand because the caller's umask is anybody's.
        guard mkdirat(parent.descriptor, path.name, 0o755) == 0 || errno == EEXIST else {
            throw .system("make the directory \(shown(path))", errno)
        }
        if let made = try parent.open(path.name, shown: shown(path)) { fchmod(made.descriptor, 0o755) }
        try parent.sync()
    }

    /// Makes the file, or takes the place of the one that is there, in one step: whoever opens it sees the old or the
    /// new, also after a crash of the machine.
    func write(_ path: AbsolutePath, _ file: File) throws(InstallerError) {
        let directory = try existingDirectory(of: path)
        try writeAside(path, file, in: directory)
        try willChange("put \(shown(path)) into place")
        guard renameat(directory.descriptor, temporary(path), directory.descriptor, path.name) == 0 else {
            throw .system("put \(shown(path)) into place", errno)
        }
        try directory.sync()
    }

    /// Hands the contents to `body` as a file beside `path`, and removes it again.
    func withTrial(
        of path: AbsolutePath, _ file: File, _ body: (String) throws(InstallerError) -> Void
    ) throws(InstallerError) {
        let directory = try existingDirectory(of: path)
        try writeAside(path, file, in: directory)
        defer { unlinkat(directory.descriptor, temporary(path), 0) }
        try body(shown(path.sibling(temporary(path))))
    }

    private func temporary(_ path: AbsolutePath) -> String { ".\(path.name).apus-new" }

    private func writeAside(_ path: AbsolutePath, _ file: File, in directory: Directory) throws(InstallerError) {
        try willChange("write a new \(shown(path)) aside")
        // Left behind by a command that was killed.
        unlinkat(directory.descriptor, temporary(path), 0)
        // O_EXCL takes no link either.
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
        let descriptor = openat(directory.descriptor, temporary(path), flags, 0o600)
        guard descriptor >= 0 else { throw .system("create a file beside \(shown(path))", errno) }
        defer { close(descriptor) }
        var rest = file.bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else {
                let number = errno
                unlinkat(directory.descriptor, temporary(path), 0)
                throw .system("write \(shown(path))", number)
            }
            rest = rest.dropFirst(written)
        }
        guard fchown(descriptor, 0, file.group) == 0, fchmod(descriptor, file.mode) == 0, fsync(descriptor) == 0 else {
            throw .system("write \(shown(path))", errno)
        }
    }

    /// Gives the file a second name in its directory, which replaces what had it. It keeps its times and attributes.
    func link(_ path: AbsolutePath, as other: AbsolutePath) throws(InstallerError) {
        let directory = try existingDirectory(of: path)
        try willChange("keep \(shown(path)) as \(shown(other))")
        unlinkat(directory.descriptor, temporary(other), 0)
        guard linkat(directory.descriptor, path.name, directory.descriptor, temporary(other), 0) == 0,
            renameat(directory.descriptor, temporary(other), directory.descriptor, other.name) == 0
        else { throw .system("keep \(shown(path)) as \(shown(other))", errno) }
        try directory.sync()
    }

    func rename(_ path: AbsolutePath, to other: AbsolutePath) throws(InstallerError) {
        let directory = try existingDirectory(of: path)
        try willChange("put \(shown(path)) back as \(shown(other))")
        guard renameat(directory.descriptor, path.name, directory.descriptor, other.name) == 0 else {
            throw .system("put \(shown(path)) back as \(shown(other))", errno)
        }
        try directory.sync()
    }

    func remove(_ path: AbsolutePath) throws(InstallerError) {
        guard let directory = try directory(of: path) else { return }
        try willChange("remove \(shown(path))")
        guard unlinkat(directory.descriptor, path.name, 0) == 0 || errno == ENOENT else {
            throw .system("remove \(shown(path))", errno)
        }
        try directory.sync()
    }

    /// Removes what a killed command may have left beside the file.
    func removeLeftovers(of path: AbsolutePath) throws(InstallerError) {
        guard let directory = try directory(of: path) else { return }
        unlinkat(directory.descriptor, temporary(path), 0)
        unlinkat(directory.descriptor, temporary(path.backup), 0)
    }

    /// Removes the directory if nothing is in it.
    func removeDirectoryIfEmpty(_ path: AbsolutePath) throws(InstallerError) {
        guard let directory = try directory(of: path) else { return }
        try willChange("remove the directory \(shown(path))")
        guard
            unlinkat(directory.descriptor, path.name, Int32(AT_REMOVEDIR)) == 0
                || [ENOENT, ENOTEMPTY, EEXIST, EBUSY].contains(errno)
        else { throw .system("remove the directory \(shown(path))", errno) }
    }
}
