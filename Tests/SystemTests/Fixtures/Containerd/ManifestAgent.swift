// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The pod of the manifest that `.agentWithManifest` gives the agent: each kind of command that a kubelet runs in a
/// container has one. The container `web` has them all, `aside` has none.
enum ManifestPod {
    static let readiness = ["/bin/cat", "/ready"]
    /// With an argument that has spaces, so that joining the arguments loses something.
    static let liveness = ["/bin/echo", "alive and well"]
    /// With a child.
    static let startup = ["/bin/sh", "-c", "/bin/true startup-child; :"]
    static let postStart = ["/bin/echo", "started"]
    static let preStop = ["/bin/echo", "stopping"]

    /// As containerd knows it: the kubelet puts the node's name behind that of a pod from a file.
    static var setup: CRIPodSetup {
        var setup = CRIPodSetup("\(name)-\(node)")
        setup.pod.uid = uid
        return setup
    }

    fileprivate static let node = "apus-test-node"
    private static let name = "front"
    private static let uid = "5b0c7d0e-3e8b-4f5c-9a57-1c7f0f9d6a31"

    fileprivate static var manifest: String {
        """
        apiVersion: v1
        kind: Pod
        metadata:
          name: \(name)
          namespace: \(Pod().namespace)
          uid: \(uid)
        spec:
          hostNetwork: true
          containers:
            - name: web
              image: \(ContainerdImage.name)
              readinessProbe:
                exec:
                  command: \(readiness)
              livenessProbe:
                exec:
                  command: \(liveness)
              startupProbe:
                exec:
                  command: \(startup)
              lifecycle:
                postStart:
                  exec:
                    command: \(postStart)
                preStop:
                  exec:
                    command: \(preStop)
            - name: aside
              image: \(ContainerdImage.name)

        """
    }
}

/// One agent for all tests of a suite, which reads the manifest of `ManifestPod`: `@Suite(.agentWithManifest)`.
struct ManifestAgent: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        let manifests = try TemporaryDirectory()
        try ManifestPod.manifest.write(toFile: manifests("front.yaml"), atomically: false, encoding: .utf8)
        let flags = ["--pod-manifests", manifests.path, "--node-name", ManifestPod.node]
        try await AgentProcess.with(flags) { agent in
            try await SharedAgent.$current.withValue(agent) { try await function() }
        }
    }
}

extension Trait where Self == ManifestAgent {
    static var agentWithManifest: Self { Self() }
}
