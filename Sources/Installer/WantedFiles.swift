// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Models

extension HookInstaller {
    private var call: HookCall {
        HookCall(path: hookPath, stage: settings.stage, agentAddress: settings.agentAddress)
    }

    /// Everything that an installation consists of, the file that the runtime reads last.
    func wantedFiles(_ record: InstallRecord?) throws(InstallerError) -> (files: [WantedFile], edit: ContainerdEdit?) {
        let hook = WantedFile(
            role: .hook, path: hookPath, content: .init(bytes: try hookProgram(), mode: 0o755, group: 0))
        switch settings.runtime {
        case .crio, .podman:
            let content = Disk.File(bytes: call.description, mode: 0o644, group: 0)
            return ([hook, WantedFile(role: .description, path: descriptionPath, content: content)], nil)
        case .containerd:
            let (files, edit) = try containerdFiles(record)
            return ([hook] + files, edit)
        }
    }

    /// The hook to copy. Where it comes from is the operator's choice, so links on the way are followed.
    func hookProgram() throws(InstallerError) -> [UInt8] {
        let source = settings.hookSource
        let advice = "Name the hook with --hook-source."
        let descriptor = open(source, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system("open the hook \(source)", errno, advice: advice) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw InstallerError("\(source) is not a regular file. \(advice)")
        }
        let bytes = try readAll(descriptor, shown: source, limit: Self.largestHook)
        guard bytes.starts(with: [0x7f] + Array("ELF".utf8)) else {
            throw InstallerError("\(source) is no program (ELF). \(advice)")
        }
        return bytes
    }

    /// Specs for the runtimes, and the configuration that names them.
    private func containerdFiles(
        _ record: InstallRecord?
    ) throws(InstallerError) -> ([WantedFile], ContainerdEdit) {
        let current = try disk.read(configPath, limit: ContainerdConfig.largest)
        let original = try originalConfig(current, record)
        let shown = disk.shown(configPath)
        let config = try ContainerdConfig(original?.bytes ?? Array("version = 2\n".utf8), name: shown)

        // Runtimes that name the same spec get the same new one.
        var specs: [String?] = []
        for runtime in try config.runtimes() where !specs.contains(runtime.specPath) {
            if let path = runtime.specPath, isOurSpec(path, beside: configPath) {
                throw InstallerError(
                    "\(shown) names \(path), but \(disk.shown(recordPath)), the record of that installation, is missing. "
                        + "Take these lines out of it by hand, then install again.")
            }
            specs.append(runtime.specPath)
        }
        if specs.isEmpty { specs = [nil] }
        var files: [WantedFile] = []
        for (index, spec) in specs.enumerated() {
            let content = Disk.File(bytes: try specWithHook(spec), mode: 0o644, group: 0)
            files.append(WantedFile(role: .spec, path: specPath(index), content: content))
        }
        let (bytes, edit) = try config.naming { specPath(specs.firstIndex(of: $0) ?? 0) }
        let content = Disk.File(bytes: bytes, mode: original?.mode ?? 0o644, group: original?.group ?? 0)
        if original != nil && current?.bytes != bytes { try tryOut(content) }
        files.append(
            WantedFile(role: .config, path: configPath, content: content, original: .init(file: original)))
        return (files, edit)
    }

    /// Beside the configuration: a name that is ours, counted where runtimes have different specs.
    private func specPath(_ index: Int) -> AbsolutePath {
        configPath.sibling(index == 0 ? "apus-base-spec.json" : "apus-base-spec-\(index + 1).json")
    }

    /// - Parameter config: the configuration that names it.
    func isOurSpec(_ path: String, beside config: AbsolutePath) -> Bool {
        let directory = config.sibling("").description
        guard path.hasPrefix(directory) else { return false }
        return path.dropFirst(directory.count).wholeMatch(of: /apus-base-spec(-[0-9]{1,4})?\.json/) != nil
    }

    /// The configuration as it is without us: what was before, or, if somebody has changed it since, that less our lines.
    func originalConfig(_ current: Disk.File?, _ record: InstallRecord?) throws(InstallerError) -> Disk.File? {
        guard var current, let entry = record?.file(configPath), let edit = record?.edit else { return current }
        let digest = FileDigest.hex(current.bytes)
        if digest == entry.before { return current }
        if digest == entry.after {
            guard let before = entry.before else { return nil }
            let backup = try disk.read(configPath.backup, limit: ContainerdConfig.largest)
            if let backup, FileDigest.hex(backup.bytes) == before { return backup }
        }
        let config = try ContainerdConfig(current.bytes, name: disk.shown(configPath))
        current.bytes = try config.withoutEdit(edit, isOurs: { isOurSpec($0, beside: configPath) })
        return current
    }

    /// A runtime's own spec, or containerd's default, with the hook in it.
    private func specWithHook(_ path: String?) throws(InstallerError) -> [UInt8] {
        if let path {
            let place = try AbsolutePath(path, role: "\(disk.shown(configPath)) names a base spec whose path")
            guard let file = try disk.read(place, limit: Self.largestSpec) else {
                throw InstallerError(
                    "\(disk.shown(configPath)) names the base spec \(disk.shown(place)), which does not exist. "
                        + "Mend that, then install again.")
            }
            return try call.added(to: file.bytes, isDefault: false, name: disk.shown(place))
        }
        guard let ctr = Program("ctr", in: settings.programDirectories) else {
            throw InstallerError(
                "cannot make a base spec: there is no ctr, containerd's client, in "
                    + "\(settings.programDirectories.joined(separator: ", ")). Install it there, then install again.")
        }
        let outcome = try ctr.run(["oci", "spec"])
        guard outcome.status == 0 else {
            throw InstallerError("cannot make a base spec: \(ctr.path) oci spec failed: \(outcome.complaint)")
        }
        return try call.added(to: outcome.output, isDefault: true, name: "what \(ctr.path) oci spec printed")
    }

    /// Lets containerd itself read the new configuration, and looks what came of it.
    private func tryOut(_ content: Disk.File) throws(InstallerError) {
        guard let containerd = Program("containerd", in: settings.programDirectories) else { return }
        let shown = disk.shown(configPath)
        try disk.withTrial(of: configPath, content) { trial throws(InstallerError) in
            let outcome = try containerd.run(["--config", trial, "config", "dump"])
            guard outcome.status == 0 else {
                throw InstallerError(
                    "\(containerd.path) does not take \(shown) with the hook in it: \(outcome.complaint). "
                        + "If it does not take the present one either, mend that first.")
            }
            let dump = try TOMLTree(parsing: outcome.output, name: "what \(containerd.path) config dump printed")
            let wanted = try ContainerdConfig(content.bytes, name: shown)
            let effective =
                [2, 3].lazy.compactMap { dump[ContainerdConfig.runtimesPath(version: $0)]?.table }.first ?? [:]
            for runtime in try wanted.runtimes() {
                guard effective[runtime.name]?[[ContainerdConfig.specKey]]?.string == runtime.specPath else {
                    throw InstallerError(
                        "\(containerd.path) would not give the base spec of \(shown) to its runtime \(runtime.name). Is "
                            + "another containerd the one that reads this file, or does a file that it imports say "
                            + "something else? For the former, see docs/hook.md; for the latter, name that file with "
                            + "--config.")
                }
            }
            let rest = Set(effective.keys).subtracting(try wanted.runtimes().map(\.name)).sorted()
            for name in rest {
                say("note: the runtime \(name), which \(shown) has no table for, does not call the hook")
            }
        }
    }
}
