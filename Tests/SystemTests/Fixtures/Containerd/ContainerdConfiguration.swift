// SPDX-License-Identifier: Apache-2.0
import Foundation

/// What a containerd is told, in files: no directory of the machine's own, no network, a hook for each container.
enum ContainerdConfiguration {
    /// The runtime class whose containers have the hook in this stage.
    static func runtimeClass(_ stage: HookStage) -> String { stage.rawValue.lowercased() }

    /// Writes config.toml and a base spec for each of its runtime classes.
    static func write(into directory: TemporaryDirectory, socket: String, _ agent: AgentProcess) async throws {
        var classes = ""
        for stage in HookStage.allCases {
            let spec = directory("\(stage.rawValue).json")
            try await baseSpec(stage, agent).write(to: URL(filePath: spec))
            classes += """

                [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.\(runtimeClass(stage))]
                runtime_type = "io.containerd.runc.v2"
                base_runtime_spec = "\(spec)"
                [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.\(runtimeClass(stage)).options]
                Root = "\(directory("runc"))"

                """
        }
        // restrict_oom_score_adj: an unprivileged machine may only raise the score. The plugin left out makes a directory
        // below /opt; the others would look for what the machine may have.
        let text = """
            version = 2
            root = "\(directory("root"))"
            state = "\(directory("state"))"
            disabled_plugins = [
                "io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.aufs",
                "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
                "io.containerd.snapshotter.v1.zfs",
            ]
            [grpc]
            address = "\(socket)"
            [plugins."io.containerd.grpc.v1.cri"]
            sandbox_image = "\(ContainerdImage.name)"
            restrict_oom_score_adj = true
            [plugins."io.containerd.grpc.v1.cri".cni]
            conf_dir = "\(directory("cni"))"
            bin_dir = "\(directory("cni"))"
            [plugins."io.containerd.grpc.v1.cri".containerd]
            default_runtime_name = "\(runtimeClass(.createRuntime))"
            \(classes)
            """
        try text.write(toFile: directory("config.toml"), atomically: false, encoding: .utf8)
    }

    /// containerd's default spec with the hook, and without limits of resources: to raise one needs CAP_SYS_RESOURCE.
    private static func baseSpec(_ stage: HookStage, _ agent: AgentProcess) async throws -> Data {
        let text = try await Command.succeed(["ctr", "oci", "spec"]).output
        guard var spec = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any],
            var process = spec["process"] as? [String: Any]
        else { throw Failure("ctr oci spec printed no spec: \(text)") }
        process["rlimits"] = nil
        spec["process"] = process
        spec["hooks"] = [
            stage.rawValue: [try stage.hook(tells: "unix://\(agent.hookSocket)", writes: agent.hookLog)]
        ]
        return try JSONSerialization.data(withJSONObject: spec)
    }
}
