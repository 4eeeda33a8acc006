// SPDX-License-Identifier: Apache-2.0
import Foundation

/// The only image that there is: busybox, made here, because no registry may be needed. Its command sleeps, so pods'
/// sandboxes use it too.
enum ContainerdImage {
    static let name = "apus.test/busybox:1"
    /// What a sandbox runs.
    static let command = ["/bin/sleep", "100000"]

    /// Writes an archive such as `docker save` makes.
    static func make(in directory: TemporaryDirectory) async throws -> String {
        let image = directory("image")
        try Bundle.makeRoot(image + "/root", programs: [])
        // Not the link that it is there: whoever makes another meanwhile changes the file in the eyes of tar.
        let program = image + "/root/bin/busybox"
        try FileManager.default.removeItem(atPath: program)
        try FileManager.default.copyItem(atPath: try Artifacts.tool("busybox"), toPath: program)
        try await Command.succeed(["tar", "-C", image + "/root", "-cf", image + "/layer.tar", "."])
        let sum = try await Command.succeed(["sha256sum", image + "/layer.tar"]).output.prefix(64)
        let configuration: [String: Any] = [
            "architecture": architecture, "os": "linux", "config": ["Cmd": command, "Env": ["PATH=/bin"]],
            "rootfs": ["type": "layers", "diff_ids": ["sha256:\(sum)"]],
        ]
        let manifest = [["Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]] as [String: Any]]
        try JSONSerialization.data(withJSONObject: configuration).write(to: URL(filePath: image + "/config.json"))
        try JSONSerialization.data(withJSONObject: manifest).write(to: URL(filePath: image + "/manifest.json"))
        try await Command.succeed([
            "tar", "-C", image, "-cf", directory("image.tar"), "manifest.json", "config.json", "layer.tar",
        ])
        return directory("image.tar")
    }

    private static var architecture: String {
        #if arch(arm64)
            "arm64"
        #else
            "amd64"
        #endif
    }
}
