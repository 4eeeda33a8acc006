// SPDX-License-Identifier: Apache-2.0

internal import Models

extension HookInstaller {
    /// Copies the hook and makes the runtime call it. Changes nothing where that is the case already.
    /// - Throws: before anything has changed, where a path, a file or the configuration is not fit; later only where the
    ///   system fails, and then a second run goes on.
    package func install() throws(InstallerError) {
        let old = try record(of: settings.runtime)
        if let known = old?.file(.config) ?? old?.file(.description),
            ![configPath, descriptionPath].contains(known.path)
        {
            throw InstallerError(
                "the hook is installed for \(settings.runtime.title) in \(disk.shown(known.path)). "
                    + "Uninstall it there first, then install it here.")
        }
        let others = try otherRecords()
        let (wanted, edit) = try wantedFiles(old)

        var entries: [InstallRecord.File] = []
        for file in wanted { entries.append(try entry(for: file, old, others.map(\.record))) }
        let record = InstallRecord(
            stage: settings.stage.name, files: entries,
            directories: try directories(of: wanted.map(\.path) + [recordPath], old, others.map(\.record)), edit: edit)
        // What an earlier installation had elsewhere, for example with another path of the hook.
        let obsolete = (old?.files ?? []).filter { record.file($0.path) == nil }
        var interim = record
        interim.files += obsolete
        let undoing = try plan(undoing: obsolete, others, old)

        var isChanged = try write(interim)
        for (file, entry) in zip(wanted, entries) { isChanged = try put(file, entry) || isChanged }
        for action in undoing {
            try perform(action)
            isChanged = true
        }
        isChanged = try write(record) || isChanged
        if isChanged {
            sayWhatIsNext()
        } else {
            say("the hook is installed for \(settings.runtime.title) already; nothing was changed")
        }
    }

    /// What was in the file's place before, and will be in the record.
    private func entry(
        for file: WantedFile, _ old: InstallRecord?, _ others: [InstallRecord]
    ) throws(InstallerError) -> InstallRecord.File {
        let shown = disk.shown(file.path)
        let current = try disk.read(file.path, limit: Self.largestHook)
        let known = old?.file(file.path) ?? others.lazy.compactMap { $0.file(file.path) }.first
        let after = FileDigest.hex(file.content.bytes)
        let digest = current.map { FileDigest.hex($0.bytes) }
        var before = digest
        if let original = file.original {
            before = original.file.map { FileDigest.hex($0.bytes) }
        } else if let known {
            let isChanged = digest != nil && digest != known.before && digest != known.after && digest != after
            // Programs are upgraded by copying; the rest is edited by people.
            if isChanged && file.role != .hook && !settings.isForced {
                throw InstallerError(
                    "\(shown) was changed since it was installed. Keep a copy of what you need, then install again with "
                        + "--force, which replaces it.")
            }
            before = known.before
        }
        let entry = InstallRecord.File(role: file.role, path: file.path, before: before, after: after)
        let backup = try disk.read(file.path.backup, limit: Self.largestHook)
        if backup != nil && entry.hasBackup && known?.hasBackup != true {
            throw InstallerError(
                "\(disk.shown(file.path.backup)) exists, where the present \(shown) would be kept. Move it away, then "
                    + "install again.")
        }
        return entry
    }

    /// Directories that will be made, and those that were made before, by this or an installation that shares them.
    private func directories(
        of paths: [AbsolutePath], _ old: InstallRecord?, _ others: [InstallRecord]
    ) throws(InstallerError) -> [AbsolutePath] {
        var made = Set(old?.directories ?? [])
        for path in paths {
            made.formUnion(try disk.missingDirectories(of: path))
            for other in others { made.formUnion(Set(path.directories).intersection(other.directories)) }
        }
        return made.sorted { ($0.components.count, $0.description) < ($1.components.count, $1.description) }
    }

    /// Whether it had to be written.
    private func write(_ record: InstallRecord) throws(InstallerError) -> Bool {
        for directory in try disk.missingDirectories(of: recordPath) { try disk.makeDirectory(directory) }
        let bytes = record.bytes
        guard try disk.read(recordPath, limit: InstallRecord.largest)?.bytes != bytes else { return false }
        try disk.write(recordPath, .init(bytes: bytes, mode: 0o644, group: 0))
        return true
    }

    /// Keeps what is there and puts the file into its place. Whether something had to be done.
    private func put(_ file: WantedFile, _ entry: InstallRecord.File) throws(InstallerError) -> Bool {
        let shown = disk.shown(file.path)
        try disk.removeLeftovers(of: file.path)
        for directory in try disk.missingDirectories(of: file.path) {
            try disk.makeDirectory(directory)
            say("made the directory \(disk.shown(directory))")
        }
        let current = try disk.read(file.path, limit: Self.largestHook)
        var isChanged = try keep(file, entry, current)
        if current?.bytes != file.content.bytes || current?.mode != file.content.mode {
            try disk.write(file.path, file.content)
            isChanged = true
            switch file.role {
            case .hook: say("copied the hook from \(settings.hookSource) to \(shown)")
            case .spec: say("wrote \(shown), a base spec that calls the hook in \(settings.stage.name)")
            case .config: say("changed \(shown) so that every runtime has that base spec")
            case .description: say("wrote \(shown), which makes \(settings.runtime.title) call the hook")
            }
        }
        return isChanged
    }

    /// Makes sure that what the record calls the file before lies beside it.
    private func keep(
        _ file: WantedFile, _ entry: InstallRecord.File, _ current: Disk.File?
    ) throws(InstallerError) -> Bool {
        let backup = file.path.backup
        guard entry.hasBackup, let before = entry.before else { return false }
        let kept = try disk.read(backup, limit: Self.largestHook)
        if let kept, FileDigest.hex(kept.bytes) == before { return false }
        if let current, FileDigest.hex(current.bytes) == before {
            try disk.link(file.path, as: backup)
        } else if let original = file.original?.file {
            try disk.write(backup, original)
        } else {
            throw InstallerError(
                "\(disk.shown(backup)), which keeps what was at \(disk.shown(file.path)) before, is missing or changed. "
                    + "Uninstall with --force, then install again.")
        }
        say("kept the present \(disk.shown(file.path)) as \(disk.shown(backup))")
        return true
    }
}
