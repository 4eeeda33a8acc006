// SPDX-License-Identifier: Apache-2.0
import GRPCCore
import Policies
import PolicyEngine
import Server
import SwiftProtobuf
import Testing
import TetragonAPI

/// The RPCs about policies.
@Suite struct PolicyTests {
    private func code(_ body: () async throws -> Void) async -> (RPCError.Code?, String) {
        let error = await #expect(throws: RPCError.self) { try await body() }
        return (error?.code, error?.message ?? "")
    }

    private var status: PolicyStatus {
        var status = PolicyStatus(
            id: 7, key: PolicyKey(name: "watch", namespace: "shop"), source: .client, state: .enabled)
        status.info = "kills after the call"
        status.sensors = ["tracepoint/syscalls/sys_enter_openat", "lsm/file_open"]
        status.filterID = 3
        status.kernelMemory = 70_000
        return status
    }

    @Test("a policy's status is told whole")
    func list() async throws {
        try await RunningServer.with { server in
            try await server.withClient { client in
                #expect(try await client.listTracingPolicies(.init()).policies.isEmpty)
                var failed = PolicyStatus(id: 8, key: PolicyKey(name: "bad"), source: .file("/f"), state: .loadError)
                failed.error = "no such hook"
                server.agent.change { $0.policies = [status, failed] }
                let policies = try await client.listTracingPolicies(.init()).policies
                #expect(
                    policies.first
                        == .with {
                            $0.id = 7
                            $0.name = "watch"
                            $0.namespace = "shop"
                            $0.info = "kills after the call"
                            $0.sensors = ["tracepoint/syscalls/sys_enter_openat", "lsm/file_open"]
                            $0.enabled = true
                            $0.filterID = 3
                            $0.state = .tpStateEnabled
                            $0.kernelMemoryBytes = 70_000
                        })
                #expect(
                    policies.last
                        == .with {
                            $0.id = 8
                            $0.name = "bad"
                            $0.error = "no such hook"
                            $0.state = .tpStateLoadError
                        })
            }
        }
    }

    @Test("each state is the API's", arguments: PolicyStatus.State.allCases)
    func states(_ state: PolicyStatus.State) async throws {
        try await RunningServer.with { server in
            server.agent.change {
                $0.policies = [PolicyStatus(id: 1, key: PolicyKey(name: "p"), source: .client, state: state)]
            }
            let policies = try await server.withClient { try await $0.listTracingPolicies(.init()).policies }
            let wanted: Tetragon_TracingPolicyState =
                switch state {
                case .enabled: .tpStateEnabled
                case .disabled: .tpStateDisabled
                case .loadError: .tpStateLoadError
                case .error: .tpStateError
                case .loading: .tpStateLoading
                case .unloading: .tpStateUnloading
                }
            #expect(policies.map(\.state) == [wanted])
            #expect(policies.map(\.enabled) == [state == .enabled || state == .error])
        }
    }

    @Test("calls reach the policy of the name and namespace")
    func calls() async throws {
        try await RunningServer.with { server in
            try await server.withClient { client in
                _ = try await client.addTracingPolicy(.with { $0.yaml = "text" })
                _ = try await client.disableTracingPolicy(.with { ($0.name, $0.namespace) = ("p", "n") })
                _ = try await client.enableTracingPolicy(.with { ($0.name, $0.namespace) = ("p", "n") })
                _ = try await client.deleteTracingPolicy(.with { $0.name = "p" })
            }
            #expect(server.agent.now.policyCalls == ["add text", "disable n/p", "enable n/p", "delete p"])
        }
    }

    @Test("a call without a name is refused")
    func nameless() async throws {
        try await RunningServer.with { server in
            try await server.withClient { client in
                for call in [
                    { _ = try await client.deleteTracingPolicy(.init()) },
                    { _ = try await client.enableTracingPolicy(.init()) },
                    { _ = try await client.disableTracingPolicy(.with { $0.namespace = "n" }) },
                ] as [@Sendable () async throws -> Void] {
                    #expect(await code(call).0 == .invalidArgument)
                }
            }
            #expect(server.agent.now.policyCalls.isEmpty)
        }
    }

    @Test("each error has its status and sentence")
    func errors() async throws {
        let key = PolicyKey(name: "p", namespace: "n")
        try await RunningServer.with { server in
            try await server.withClient { client in
                for (error, status, sentence) in [
                    (.unknown(key), .notFound, "tracing policy n/p does not exist"),
                    (
                        .exists(key), .alreadyExists,
                        "failed to add tracing policy n/p, a sensor collection with the key already exists"
                    ),
                    (.isNotDisabled(key), .failedPrecondition, "tracing policy n/p is not disabled"),
                    (.isNotEnabled(key), .failedPrecondition, "tracing policy n/p is not enabled"),
                    (.notLoaded(key, "why"), .failedPrecondition, "tracing policy n/p was not loaded: why"),
                    (.tooMany(limit: 9), .resourceExhausted, "there are 9 policies, and no more are taken"),
                    (.stopped, .unavailable, "the agent is going and takes no policy"),
                ] as [(PolicyManagerError, RPCError.Code, String)] {
                    server.agent.change { $0.policyError = error }
                    #expect(
                        await code { _ = try await client.deleteTracingPolicy(.with { $0.name = "p" }) }
                            == (status, sentence))
                }
            }
        }
    }

    @Test("every problem of a policy is told with its line, as far as there is room")
    func problems() async throws {
        try await RunningServer.with { server in
            try await server.withClient { client in
                let yaml =
                    "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: A}\nspec: {kprobe: []}\n"
                let problems = #expect(throws: PolicyProblems.self) { try PolicyReader.policy(of: yaml) }
                server.agent.change { $0.policyError = problems }
                let (status, sentence) = await code { _ = try await client.addTracingPolicy(.with { $0.yaml = yaml }) }
                #expect(status == .invalidArgument)
                #expect(sentence.contains("line 3: metadata.name: ") && sentence.contains("line 4: spec.kprobe: "))
                server.agent.change {
                    $0.policyError = PolicyManagerError.notLoaded(
                        PolicyKey(name: "p"), String(repeating: "ä", count: 9000))
                }
                let cut = await code { _ = try await client.addTracingPolicy(.with { $0.yaml = yaml }) }
                #expect(cut.0 == .failedPrecondition && cut.1.hasSuffix("…") && cut.1.utf8.count < 4200)
            }
        }
    }

    @Test("the sensors of policies are listed, and switched by their policy's name")
    func sensors() async throws {
        try await RunningServer.with { server in
            var plain = status
            plain.key = PolicyKey(name: "plain")
            server.agent.change { [status, plain] in $0.policies = [status, plain] }
            try await server.withClient { client in
                let sensors = try await client.listSensors(.init()).sensors.suffix(4)
                #expect(
                    sensors.map(\.name)
                        == [
                            "tracepoint/syscalls/sys_enter_openat", "lsm/file_open",
                            "tracepoint/syscalls/sys_enter_openat", "lsm/file_open",
                        ])
                #expect(sensors.map(\.collection) == ["shop/watch", "shop/watch", "plain", "plain"])
                #expect(sensors.allSatisfy { $0.enabled })
                _ = try await client.disableSensor(.with { $0.name = "plain" })
                _ = try await client.enableSensor(.with { $0.name = "plain" })
                _ = try await client.removeSensor(.with { $0.name = "plain" })
                #expect(await code { _ = try await client.enableSensor(.with { $0.name = "watch" }) }.0 == .notFound)
            }
            #expect(server.agent.now.policyCalls == ["disable plain", "enable plain", "delete plain"])
        }
    }
}
