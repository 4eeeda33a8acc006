// SPDX-License-Identifier: Apache-2.0
import CRIAPI
import Foundation
import SwiftProtobuf

/// A pod as a test wants it.
struct CRIPodSetup: Sendable {
    var pod: Pod
    var stage = HookStage.createRuntime
    var pids = Runtime_V1_NamespaceMode.container
    var isPrivileged = false

    init(_ name: String = uniqueWord("pod"), stage: HookStage = .createRuntime) {
        pod = Pod()
        pod.name = name
        pod.uid = UUID().uuidString.lowercased()
        pod.image = ContainerdImage.name
        self.stage = stage
    }

    /// No network of its own: that would take CNI plugins.
    fileprivate var namespaces: Runtime_V1_NamespaceOption {
        .with {
            $0.network = .node
            $0.pid = pids
        }
    }

    fileprivate func configuration(cgroup: String) -> Runtime_V1_PodSandboxConfig {
        .with {
            $0.metadata.name = pod.name
            $0.metadata.namespace = pod.namespace
            $0.metadata.uid = pod.uid
            $0.linux.cgroupParent = "\(cgroup)/kubepods/pod\(pod.uid)"
            $0.linux.securityContext.namespaceOptions = namespaces
            $0.linux.securityContext.privileged = isPrivileged
        }
    }
}

/// A pod that a containerd runs, by the calls that a kubelet makes.
final class CRIPod: Sendable {
    let setup: CRIPodSetup
    /// The sandbox's, which is a container too.
    let id: String
    private let containerd: Containerd

    private init(_ containerd: Containerd, _ setup: CRIPodSetup) async throws {
        (self.containerd, self.setup) = (containerd, setup)
        let request = Runtime_V1_RunPodSandboxRequest.with {
            $0.config = setup.configuration(cgroup: containerd.cgroup)
            $0.runtimeHandler = ContainerdConfiguration.runtimeClass(setup.stage)
        }
        id = try await containerd.call { try await $0.runPodSandbox(request, options: $1) }.podSandboxID
    }

    /// Runs a pod for the length of `body`.
    static func with(
        _ containerd: Containerd, _ setup: CRIPodSetup = .init(), _ body: (CRIPod) async throws -> Void
    ) async throws {
        let pod = try await CRIPod(containerd, setup)
        do {
            try await body(pod)
        } catch {
            try? await pod.remove()
            throw error
        }
        try await pod.remove()
    }

    /// Creates a container and starts it.
    ///
    /// - Parameter attempt: how often it was there before.
    func start(
        _ name: String = "web", _ command: [String] = ["/bin/sleep", "1000"], attempt: UInt32 = 0
    ) async throws -> CRIContainer {
        let request = Runtime_V1_CreateContainerRequest.with {
            $0.podSandboxID = id
            $0.sandboxConfig = setup.configuration(cgroup: containerd.cgroup)
            $0.config.metadata.name = name
            $0.config.metadata.attempt = attempt
            $0.config.image.image = ContainerdImage.name
            $0.config.command = command
            $0.config.linux.securityContext.namespaceOptions = setup.namespaces
            $0.config.linux.securityContext.privileged = setup.isPrivileged
        }
        let made = try await containerd.call { try await $0.createContainer(request, options: $1) }.containerID
        let start = Runtime_V1_StartContainerRequest.with { $0.containerID = made }
        _ = try await containerd.call { try await $0.startContainer(start, options: $1) }
        return CRIContainer(id: made, name: name, pod: setup.pod, containerd: containerd)
    }

    /// The host pid of the sandbox's init.
    var pid: UInt32 {
        get async throws {
            let request = Runtime_V1_PodSandboxStatusRequest.with {
                $0.podSandboxID = id
                $0.verbose = true
            }
            let status = try await containerd.call { try await $0.podSandboxStatus(request, options: $1) }
            return try Self.pid(in: status.info)
        }
    }

    /// Out of what a runtime tells about a container on verbose request.
    static func pid(in info: [String: String]) throws -> UInt32 {
        struct Info: Decodable { let pid: UInt32 }
        return try JSONDecoder().decode(Info.self, from: Data((info["info"] ?? "").utf8)).pid
    }

    /// Ends all of its containers and forgets them.
    private func remove() async throws {
        _ = try await containerd.call { [id] client, options in
            try await client.stopPodSandbox(.with { $0.podSandboxID = id }, options: options)
        }
        _ = try await containerd.call { [id] client, options in
            try await client.removePodSandbox(.with { $0.podSandboxID = id }, options: options)
        }
    }
}
