// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Models

/// Installs the hook for a runtime, and undoes that.
///
/// Everything is looked at before anything is changed. Then the record is written, then the files, the runtime's
/// configuration last; undoing goes the other way. So a command that is killed leaves the old configuration or the new
/// one, and the same command, or its opposite, goes on from there.
package struct HookInstaller {
    let settings: InstallSettings
    let disk: Disk
    let say: (String) -> Void
    let hookPath: AbsolutePath
    let stateDirectory: AbsolutePath
    let configPath: AbsolutePath
    let descriptionPath: AbsolutePath

    static let largestHook = 64 << 20
    static let largestSpec = 4 << 20

    /// - Parameters:
    ///   - say: takes a line for each thing that was done.
    ///   - willChange: is told of each change before it is made, and may stop the command there.
    /// - Throws: where a path is none, this is not root, or another such command runs.
    package init(
        _ settings: InstallSettings, say: @escaping (String) -> Void,
        willChange: @escaping (String) throws(InstallerError) -> Void = { _ throws(InstallerError) in }
    ) throws(InstallerError) {
        self.settings = settings
        self.say = say
        hookPath = try AbsolutePath(settings.hookPath, role: "the hook's path")
        stateDirectory = try AbsolutePath(settings.stateDirectory, role: "the directory of records")
        configPath = try AbsolutePath(settings.config, role: "the path of containerd's configuration")
        let hooks = settings.hooksDirectory ?? settings.runtime.hooksDirectory
        descriptionPath = try AbsolutePath(hooks, role: "the directory of hooks").appending("apus-oci-hook.json")
        guard geteuid() == 0 else {
            throw InstallerError("the hook runs as root with every container: run this command as root")
        }
        disk = try Disk(root: settings.root, willChange: willChange)
    }

    var recordPath: AbsolutePath { recordPath(of: settings.runtime) }

    func recordPath(of runtime: ContainerRuntime) -> AbsolutePath {
        stateDirectory.appending("\(runtime.rawValue).json")
    }

    func record(of runtime: ContainerRuntime) throws(InstallerError) -> InstallRecord? {
        let path = recordPath(of: runtime)
        guard let file = try disk.read(path, limit: InstallRecord.largest) else { return nil }
        return try InstallRecord(parsing: file.bytes, name: disk.shown(path))
    }

    /// Installations for the other runtimes, which may share the hook and directories with this one.
    func otherRecords() throws(InstallerError) -> [(runtime: ContainerRuntime, record: InstallRecord)] {
        var records: [(ContainerRuntime, InstallRecord)] = []
        for runtime in ContainerRuntime.allCases where runtime != settings.runtime {
            if let record = try record(of: runtime) { records.append((runtime, record)) }
        }
        return records
    }

    /// What the operator has to do for the change to take effect.
    func sayWhatIsNext() {
        switch settings.runtime {
        case .containerd:
            say("next: restart containerd (systemctl restart containerd); containers that run go on running")
        case .crio: say("next: nothing: CRI-O notices, and new containers have what is configured now")
        case .podman: say("next: nothing: new containers have what is configured now")
        }
    }
}

/// A file as the installation wants it.
struct WantedFile {
    var role: InstallRecord.Role
    var path: AbsolutePath
    var content: Disk.File
    /// What stands where this file goes when nothing of ours is installed; nil to find out.
    var original: Original?

    /// Contents, nil for no file.
    struct Original {
        var file: Disk.File?
    }
}
