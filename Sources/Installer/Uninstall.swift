// SPDX-License-Identifier: Apache-2.0

/// A step of undoing an installation.
enum UndoAction {
    case restore(AbsolutePath)
    case remove(AbsolutePath)
    case rewrite(AbsolutePath, Disk.File)
    /// Nothing is to be done, and the operator may want to know why.
    case leave(AbsolutePath, reason: String)
    case removeBackup(AbsolutePath)
}

extension HookInstaller {
    /// Makes every file what it was before the installation, less what somebody has changed since.
    package func uninstall() throws(InstallerError) {
        guard let record = try record(of: settings.runtime) else {
            for path in [recordPath, configPath] { try disk.removeLeftovers(of: path) }
            try disk.removeDirectoryIfEmpty(stateDirectory)
            say("the hook is not installed for \(settings.runtime.title); nothing was changed")
            return
        }
        let others = try otherRecords()
        let actions = try plan(undoing: record.files.reversed(), others, record)
        for action in actions { try perform(action) }
        for file in record.files { try disk.removeLeftovers(of: file.path) }
        for directory in record.directories.reversed() where !isAboveRecord(directory) {
            try disk.removeDirectoryIfEmpty(directory)
        }
        // From here on nothing is installed.
        try disk.remove(recordPath)
        try disk.removeLeftovers(of: recordPath)
        try disk.removeDirectoryIfEmpty(stateDirectory)
        for directory in record.directories.reversed() { try disk.removeDirectoryIfEmpty(directory) }
        sayWhatIsNext()
    }

    private func isAboveRecord(_ directory: AbsolutePath) -> Bool {
        recordPath.directories.contains(directory)
    }

    /// - Throws: where somebody has changed what would be removed. Nothing has been done by then.
    func plan(
        undoing files: [InstallRecord.File], _ others: [(runtime: ContainerRuntime, record: InstallRecord)],
        _ record: InstallRecord?
    ) throws(InstallerError) -> [UndoAction] {
        var actions: [UndoAction] = []
        for file in files {
            let shown = disk.shown(file.path)
            if let user = others.first(where: { $0.record.file(file.path) != nil })?.runtime {
                actions.append(.leave(file.path, reason: "\(user.title) uses it"))
                continue
            }
            let current = try disk.read(file.path, limit: Self.largestHook)
            let backup = try disk.read(file.path.backup, limit: Self.largestHook)
            let digest = current.map { FileDigest.hex($0.bytes) }
            let hasBackup = file.hasBackup && backup.map { FileDigest.hex($0.bytes) } == file.before
            let isChanged = digest != nil && digest != file.after && digest != file.before
            if digest == file.before {
                if file.hasBackup && backup != nil { actions.append(.removeBackup(file.path)) }
            } else if file.role == .config && (isChanged || file.before != nil && !hasBackup) {
                actions += try undoing(file, current, record, backup != nil)
            } else if isChanged && !settings.isForced {
                guard file.role != .description else {
                    throw InstallerError(
                        "\(shown) was changed since it was installed. Keep a copy of what you need, then uninstall with "
                            + "--force, which removes it.")
                }
                actions.append(.leave(file.path, reason: "it was changed since it was installed"))
            } else if file.before != nil && hasBackup {
                actions.append(.restore(file.path))
            } else if file.before != nil && !settings.isForced {
                throw InstallerError(
                    "\(disk.shown(file.path.backup)), which keeps what was at \(shown) before, is missing or changed. "
                        + "Uninstall with --force, which removes \(shown) instead.")
            } else if current != nil {
                actions.append(.remove(file.path))
            }
        }
        return actions
    }

    /// Takes our lines out of a configuration that somebody has changed.
    private func undoing(
        _ file: InstallRecord.File, _ current: Disk.File?, _ record: InstallRecord?, _ hasOldBackup: Bool
    ) throws(InstallerError) -> [UndoAction] {
        guard var current, let edit = record?.edit else {
            return [.leave(file.path, reason: "it does not exist any more")]
        }
        let config = try ContainerdConfig(current.bytes, name: disk.shown(file.path))
        let stripped = try config.withoutEdit(edit, isOurs: { isOurSpec($0, beside: file.path) })
        var actions: [UndoAction] = []
        if stripped.isEmpty && file.before == nil {
            actions.append(.remove(file.path))
        } else if stripped == current.bytes {
            actions.append(.leave(file.path, reason: "somebody has taken the hook out of it already"))
        } else {
            current.bytes = stripped
            actions.append(.rewrite(file.path, current))
        }
        if file.hasBackup && hasOldBackup { actions.append(.removeBackup(file.path)) }
        return actions
    }

    func perform(_ action: UndoAction) throws(InstallerError) {
        switch action {
        case .restore(let path):
            try disk.rename(path.backup, to: path)
            say("put \(disk.shown(path)) back as it was")
        case .remove(let path):
            try disk.remove(path)
            say("removed \(disk.shown(path))")
        case .rewrite(let path, let file):
            try disk.write(path, file)
            say("took the hook out of \(disk.shown(path)) and left what else was changed in it")
        case .leave(let path, let reason):
            say("left \(disk.shown(path)): \(reason)")
        case .removeBackup(let path):
            try disk.remove(path.backup)
            say("removed \(disk.shown(path.backup))")
        }
    }
}
