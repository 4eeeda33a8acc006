// SPDX-License-Identifier: Apache-2.0
import FakeCluster
import Foundation
import Synchronization
import Testing
import TetragonAPI

extension SystemTests {
    /// Policies that are objects of a cluster, from an API server to the running agent's list.
    @Suite struct ClusterPolicyTests {
        private static let group = "/apis/cilium.io/v1alpha1/"

        /// An object as the API has it.
        private static func object(
            _ name: String, namespace: String = "", version: Int, mode: String = "enforce",
            spec change: (String) -> String = { $0 }
        ) -> String {
            let kind = namespace.isEmpty ? "TracingPolicy" : "TracingPolicyNamespaced"
            let metadata =
                #""name":"\#(name)","resourceVersion":"\#(version)""#
                + (namespace.isEmpty ? "" : #","namespace":"\#(namespace)""#)
            let spec =
                #"{"options":[{"name":"policy-mode","value":"\#(mode)"}],"tracepoints":[{"subsystem":"syscalls","event":"sys_enter_openat"}]}"#
            return
                #"{"apiVersion":"cilium.io/v1alpha1","kind":"\#(kind)","metadata":{\#(metadata)},"spec":\#(change(spec))}"#
        }

        /// What the server lists, and what it says then.
        private final class Cluster: Sendable {
            let (cluster, say) = AsyncStream.makeStream(of: String.self)
            let (namespaced, sayNamespaced) = AsyncStream.makeStream(of: String.self)

            func tell(_ type: String, _ object: String, isNamespaced: Bool = false) {
                (isNamespaced ? sayNamespaced : say).yield(#"{"type":"\#(type)","object":\#(object)}"#)
            }

            func reply(_ request: APIServer.Request) -> APIServer.Reply {
                switch (request.path, request.isWatch) {
                case (group + "tracingpolicies", false):
                    .text(#"{"metadata":{"resourceVersion":"10"},"items":[\#(object("listed", version: 9))]}"#)
                case (group + "tracingpolicies", true): APIServer.Reply(steps: [.lines(cluster)])
                case (group + "tracingpoliciesnamespaced", true): APIServer.Reply(steps: [.lines(namespaced)])
                case (_, true): .watch([])
                case (_, false): .text(#"{"metadata":{"resourceVersion":"10"},"items":[]}"#)
                }
            }
        }

        private func with(_ body: (AgentProcess, Cluster) async throws -> Void) async throws {
            let cluster = Cluster()
            let server = try await APIServer { request, _ in cluster.reply(request) }
            let directory = try TemporaryDirectory()
            try """
            current-context: here
            contexts: [{name: here, context: {cluster: test, user: agent}}]
            clusters: [{name: test, cluster: {server: "http://127.0.0.1:\(server.port)/"}}]
            users: [{name: agent, user: {}}]
            """.write(toFile: directory("kubeconfig"), atomically: false, encoding: .utf8)
            try await AgentProcess.with(
                ["--enable-k8s-api", "--k8s-kubeconfig-path", directory("kubeconfig"), "--node-name", "n"]
            ) { agent in
                try await body(agent, cluster)
            }
            try await server.stop()
        }

        /// Waits until the agent's list has these: `namespace/name mode state`.
        private func expect(_ agent: AgentProcess, _ wanted: String...) async throws {
            try await eventually("the policies \(wanted)") {
                try await agent.policies.map { policy in
                    let name = policy.namespace.isEmpty ? policy.name : "\(policy.namespace)/\(policy.name)"
                    return "\(name) \(policy.mode) \(policy.state)"
                }.sorted() == wanted
            }
        }

        @Test("objects are policies as long as they are there, and as they are written now")
        func life() async throws {
            try await with { agent, cluster in
                try await expect(agent, "listed tpModeEnforce tpStateEnabled")
                cluster.tell("ADDED", Self.object("added", version: 11))
                cluster.tell("ADDED", Self.object("added", namespace: "shop", version: 12), isNamespaced: true)
                try await expect(
                    agent, "added tpModeEnforce tpStateEnabled", "listed tpModeEnforce tpStateEnabled",
                    "shop/added tpModeEnforce tpStateEnabled")
                #expect(try await agent.policies.first { $0.namespace == "shop" }?.filterID != 0)

                cluster.tell("MODIFIED", Self.object("added", version: 13, mode: "monitor"))
                cluster.tell("DELETED", Self.object("listed", version: 14))
                try await expect(
                    agent, "added tpModeMonitor tpStateEnabled", "shop/added tpModeEnforce tpStateEnabled")
                cluster.tell(
                    "DELETED", Self.object("added", namespace: "shop", version: 15), isNamespaced: true)
                try await expect(agent, "added tpModeMonitor tpStateEnabled")
            }
        }

        @Test(
            "an object that is no policy any more leaves what it was in force, with the reason, until it is one again")
        func invalid() async throws {
            try await with { agent, cluster in
                let wrong = { (spec: String) in spec.replacing("tracepoints", with: "tracepoint") }
                cluster.tell("MODIFIED", Self.object("listed", version: 11, spec: wrong))
                try await expect(agent, "listed tpModeEnforce tpStateError")
                #expect(try await agent.policies.first?.error.contains("spec.tracepoint") == true)
                #expect(try await agent.policies.first?.enabled == true)

                // One that never was a policy is listed with what is wrong.
                cluster.tell("ADDED", Self.object("never", version: 12, spec: wrong))
                try await expect(agent, "listed tpModeEnforce tpStateError", "never tpModeEnforce tpStateLoadError")
                let impossible = { (spec: String) in spec.replacing("sys_enter_openat", with: "nothing") }
                cluster.tell("ADDED", Self.object("impossible", version: 13, spec: impossible))
                try await expect(
                    agent, "impossible tpModeEnforce tpStateLoadError", "listed tpModeEnforce tpStateError",
                    "never tpModeEnforce tpStateLoadError")

                cluster.tell("MODIFIED", Self.object("listed", version: 14, mode: "monitor"))
                cluster.tell("MODIFIED", Self.object("never", version: 15))
                cluster.tell("DELETED", Self.object("impossible", version: 16))
                try await expect(agent, "listed tpModeMonitor tpStateEnabled", "never tpModeEnforce tpStateEnabled")
            }
        }

        @Test("what a client has put into an object's place is not the cluster's to take away")
        func others() async throws {
            try await with { agent, cluster in
                try await expect(agent, "listed tpModeEnforce tpStateEnabled")
                try await agent.delete("listed")
                try await agent.add(Self.object("listed", version: 1, mode: "monitor"))
                cluster.tell("DELETED", Self.object("listed", version: 11))
                cluster.tell("ADDED", Self.object("next", version: 12))
                try await expect(
                    agent, "listed tpModeMonitor tpStateEnabled", "next tpModeEnforce tpStateEnabled")
            }
        }
    }
}
