// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Synchronization
internal import SystemPackage

/// Where the export file and its backups lie, and which of them is being written.
final class ExportPlace: Sendable {
    let path: String
    let name: String
    let permissions: UInt32
    let backups: BackupNames

    private let parent: String
    private let state: Mutex<State>

    private struct State {
        var directory: ExportDirectory
        var inUse: FileIdentity?
        /// Milliseconds since 1970 of the youngest backup: none gets the name of another.
        var lastStamp: Int64 = 0
    }

    init(path: String, permissions: UInt32) throws(ExportError) {
        let slash = path.lastIndex(of: "/")
        let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
        guard !name.isEmpty, name != ".", name != ".." else { throw ExportError("it is a directory") }
        guard name.utf8.count + BackupNames.growth <= Int(NAME_MAX) else {
            throw ExportError("its name is too long: \(Int(NAME_MAX) - BackupNames.growth) bytes are the most")
        }
        self.path = path
        self.name = name
        self.permissions = permissions
        backups = BackupNames(of: name)
        parent = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        do {
            state = Mutex(State(directory: try ExportDirectory(parent)))
        } catch {
            throw ExportError(error)
        }
    }

    var directory: ExportDirectory { state.withLock { $0.directory } }

    /// Whether lines may still be written to a file, whatever its name is by now.
    func isInUse(_ file: FileIdentity) -> Bool { state.withLock { $0.inUse == file } }

    /// Opens the file of the name, or makes it; from then on it is the one in use.
    ///
    /// One that is there at the agent's start gets its permissions. Later ones were made by whoever rotates, who has
    /// chosen theirs.
    func open() throws(ExportError) -> ExportFile {
        if directory.isGone {
            do throws(Errno) {
                let other = try ExportDirectory(parent)
                state.withLock { $0.directory = other }
            } catch {
                throw ExportError(error)
            }
        }
        let directory = directory
        let flags = O_RDWR | O_APPEND
        let descriptor =
            if let made = try directory.make(name, flags, permissions: permissions) { made } else {
                try directory.open(name, flags)
            }
        if state.withLock({ $0.inUse == nil }) { ExportDirectory.permit(permissions, of: descriptor) }
        let file = ExportFile(descriptor)
        state.withLock { $0.inUse = file.identity }
        return file
    }

    /// Gives the file the name of a backup, unless somebody has moved it away.
    func moveAside(_ file: FileIdentity) throws(ExportError) {
        let directory = directory
        guard directory.identity(of: name) == file else { return }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var stamp = max(
            Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000, state.withLock { $0.lastStamp } + 1)
        // The clock may have been put back since the last agent's time.
        var tries = 0
        while [.plain, .compressed].contains(where: { directory.identity(of: backup(stamp, $0)) != nil }) {
            tries += 1
            guard tries < 1000 else { throw ExportError("all names of backups are taken") }
            stamp += 1
        }
        try directory.rename(name, to: backup(stamp, .plain))
        state.withLock { $0.lastStamp = stamp }
    }

    private func backup(_ stamp: Int64, _ form: BackupNames.Form) -> String {
        backups.name(BackupNames.stamp(stamp), form)
    }
}
