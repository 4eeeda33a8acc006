// SPDX-License-Identifier: Apache-2.0
import Foundation
import PackagePlugin

/// Compiles `bpf/` with the toolchain's own clang and gives the target one Swift file with the object in it, so that
/// `swift build` is all there is and no object is ever looked for on disk.
@main struct EmbedBPF: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let sources = context.package.directoryURL.appending(path: "bpf").resolvingSymlinksInPath()
        let script = sources.appending(path: "embed.sh")
        let output = context.pluginWorkDirectoryURL.appending(path: "EmbeddedObject.swift")
        let tools = try context.tool(named: "clang").url.deletingLastPathComponent()

        // Every file, headers too: the build system knows only what it is told.
        let inputs = try FileManager.default.contentsOfDirectory(at: sources, includingPropertiesForKeys: nil)
            .filter { ["c", "h", "sh"].contains($0.pathExtension) }
            .sorted { $0.path < $1.path }

        return [
            .buildCommand(
                displayName: "Compiling the BPF object",
                executable: script,
                arguments: [tools.path, sources.path, output.path],
                inputFiles: inputs,
                outputFiles: [output])
        ]
    }
}
