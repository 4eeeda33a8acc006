// SPDX-License-Identifier: Apache-2.0
import CRIAPI
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import SwiftProtobuf

/// A containerd of the test's own, with its CRI plugin: root, state and socket are in a directory that goes with it.
struct Containerd {
    typealias Client = Runtime_V1_RuntimeService.Client<HTTP2ClientTransport.Posix>

    /// The only image there is: busybox, asleep. Sandboxes are made of it, too.
    static let image = "apus.test/busybox:1"

    let scratch: Scratch
    /// The parent of every pod's cgroup.
    let cgroup = uniqueWord("apus-pods")

    var socket: String { scratch("containerd.sock") }
    /// Where runc keeps the state of its containers, a directory a namespace.
    var runcRoot: String { scratch("runc") }
    /// A container's bundle.
    func bundle(_ id: String) -> String { scratch("state/io.containerd.runtime.v2.task/k8s.io/\(id)") }

    /// Runs `body` beside a containerd that is ready; all pods are removed then.
    static func with(_ body: @Sendable (Containerd) async throws -> Void) async throws {
        let containerd = Containerd(scratch: try Scratch())
        try await containerd.configure()
        // Its mounts are its own: they are gone with the last process that sees them.
        let daemon = try Program(
            [
                "unshare", "--mount", "--propagation", "private", try Program.find("containerd"), "--config",
                containerd.scratch("config.toml"),
            ],
            log: containerd.scratch("log"))
        do {
            try await containerd.becomeReady(daemon)
            try await body(containerd)
        } catch {
            try? await containerd.shutDown(daemon)
            throw Failure("\(error)\n\(containerd.problems)")
        }
        try await containerd.shutDown(daemon)
    }

    /// Hands a client of the CRI to `body`.
    func withClient<Result: Sendable>(
        _ body: @Sendable (Client) async throws -> Result
    ) async throws -> Result {
        let config = HTTP2ClientTransport.Posix.Config.defaults { $0.http2.authority = "localhost" }
        let transport = try HTTP2ClientTransport.Posix.http2NIOPosix(
            target: .unixDomainSocket(path: socket), transportSecurity: .plaintext, config: config)
        return try await withGRPCClient(transport: transport) { try await body(Client(wrapping: $0)) }
    }

    /// A running pod with one container.
    struct Pod {
        let sandbox: String
        let container: String
    }

    /// - Parameter labels: the kubelet's, of pod and container.
    func runPod(_ metadata: Runtime_V1_PodSandboxMetadata, labels: [String: String] = [:]) async throws -> Pod {
        let config = Runtime_V1_PodSandboxConfig.with {
            $0.metadata = metadata
            $0.labels = labels
            $0.linux.cgroupParent = "/\(cgroup)/\(metadata.uid)"
            // There is no CNI plugin: pods have the host's network.
            $0.linux.securityContext.namespaceOptions.network = .node
        }
        return try await withClient { client in
            let sandbox = try await client.runPodSandbox(.with { $0.config = config }).podSandboxID
            let container = try await client.createContainer(
                .with {
                    ($0.podSandboxID, $0.sandboxConfig) = (sandbox, config)
                    $0.config.metadata.name = "app"
                    $0.config.image.image = Self.image
                    $0.config.labels = labels
                }
            ).containerID
            _ = try await client.startContainer(.with { $0.containerID = container })
            return Pod(sandbox: sandbox, container: container)
        }
    }

    private func becomeReady(_ daemon: Program) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let images = ["ctr", "--address", socket, "--namespace", "k8s.io", "images"]
            if (try? await Program.run(images + ["import", scratch("image.tar")])) != nil { break }
            guard daemon.isRunning, ContinuousClock.now < deadline else { throw Failure("containerd does not start") }
            try await Task.sleep(for: .milliseconds(50))
        }
        // The plugin answers a little later than the rest.
        while (try? await withClient({ try await $0.version(.init()) })) == nil {
            guard ContinuousClock.now < deadline else { throw Failure("containerd's CRI plugin does not start") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private func shutDown(_ daemon: Program) async throws {
        let removal = await Task {
            try await withClient { client in
                for sandbox in try await client.listPodSandbox(.init()).items {
                    _ = try await client.stopPodSandbox(.with { $0.podSandboxID = sandbox.id })
                    _ = try await client.removePodSandbox(.with { $0.podSandboxID = sandbox.id })
                }
            }
        }.result
        kill(daemon.pid, SIGTERM)
        _ = try await daemon.end(within: .seconds(20))
        await Cgroups.remove(cgroup)
        try removal.get()
    }

    /// What the log complains of.
    private var problems: String {
        scratch.read("log").split(separator: "\n").filter { $0.contains("level=error") || $0.contains("level=fatal") }
            .suffix(5).joined(separator: "\n")
    }
}

extension Containerd {
    private func configure() async throws {
        try await makeImage()
        // Without limits: to raise them needs a capability that a test machine may not have.
        let generated = try await Program.run(["ctr", "oci", "spec"])
        var spec = try JSONSerialization.jsonObject(with: Data(generated.utf8)) as? [String: Any] ?? [:]
        var process = spec["process"] as? [String: Any] ?? [:]
        process["rlimits"] = nil
        spec["process"] = process
        try scratch.write(
            "spec.json", String(decoding: try JSONSerialization.data(withJSONObject: spec), as: UTF8.self))
        try scratch.write(
            "config.toml",
            """
            version = 2
            root = "\(scratch("root"))"
            state = "\(scratch("state"))"
            [grpc]
              address = "\(socket)"
            [plugins."io.containerd.grpc.v1.cri"]
              sandbox_image = "\(Self.image)"
              restrict_oom_score_adj = true
              disable_apparmor = true
              disable_hugetlb_controller = true
              [plugins."io.containerd.grpc.v1.cri".cni]
                bin_dir = "\(scratch("cni"))"
                conf_dir = "\(scratch("cni"))"
              [plugins."io.containerd.grpc.v1.cri".containerd]
                snapshotter = "native"
                [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
                  runtime_type = "io.containerd.runc.v2"
                  base_runtime_spec = "\(scratch("spec.json"))"
                  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
                    Root = "\(runcRoot)"
            """)
    }

    /// An archive as `docker save` writes it.
    private func makeImage() async throws {
        try await makeRootFilesystem(scratch, "image/rootfs")
        let image = scratch("image")
        try await Program.run(["tar", "-C", "\(image)/rootfs", "-cf", "\(image)/layer.tar", "."])
        let digest = try await Program.run(["sha256sum", "\(image)/layer.tar"]).prefix(64)
        try scratch.write(
            "image/config.json",
            """
            {"architecture": "amd64", "os": "linux",
             "config": {"Cmd": ["/bin/busybox", "sleep", "600"], "Env": ["PATH=/bin"]},
             "rootfs": {"type": "layers", "diff_ids": ["sha256:\(digest)"]}}
            """)
        try scratch.write(
            "image/manifest.json",
            """
            [{"Config": "config.json", "RepoTags": ["\(Self.image)"], "Layers": ["layer.tar"]}]
            """)
        try await Program.run(
            ["tar", "-C", image, "-cf", scratch("image.tar"), "manifest.json", "config.json", "layer.tar"])
    }
}
