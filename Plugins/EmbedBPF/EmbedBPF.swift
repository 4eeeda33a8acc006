// SPDX-License-Identifier: Apache-2.0
import Foundation
import PackagePlugin

/// Compiles `bpf/` with the toolchain's own clang and gives the target Swift files with the objects in them, so that
/// `swift build` is all there is and no object is ever looked for on disk.
@main struct EmbedBPF: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let sources = context.package.directoryURL.appending(path: "bpf").resolvingSymlinksInPath()
        let script = sources.appending(path: "embed.sh")
        let tools = try context.tool(named: "clang").url.deletingLastPathComponent()

        // Every file, headers too: the build system knows only what it is told.
        let inputs = try FileManager.default.contentsOfDirectory(at: sources, includingPropertiesForKeys: nil)
            .filter { ["c", "h", "sh"].contains($0.pathExtension) }
            .sorted { $0.path < $1.path }

        // The first is always loaded, one of the next two anew for each hook of a policy, the others where policies
        // need them.
        let units = [
            ("apus.bpf.c", "embeddedObject"), ("policy.bpf.c", "embeddedPolicyObject"),
            ("policy_plain.bpf.c", "embeddedPlainPolicyObject"),
            ("policy_tasks.bpf.c", "embeddedTasksObject"), ("policy_enforcer.bpf.c", "embeddedEnforcerObject"),
        ]
        return units.map { unit, name in
            let output = context.pluginWorkDirectoryURL.appending(path: "\(name).swift")
            return .buildCommand(
                displayName: "Compiling \(unit)",
                executable: script,
                arguments: [tools.path, sources.appending(path: unit).path, name, output.path],
                inputFiles: inputs,
                outputFiles: [output])
        }
    }
}
