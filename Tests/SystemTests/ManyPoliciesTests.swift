// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// A policy for each of a thousand teams, in a kernel where each program has a place.
    @Suite struct ManyPoliciesTests {
        private static let count = Artifacts.count("APUS_MANY_POLICIES", default: 100)
        private static let hits = Artifacts.count("APUS_POLICY_HITS", default: 20_000)

        @Test("policies by the hundred load, are listed, and cost a container no more than its own")
        func many() async throws {
            try await AgentProcess.with { agent in
                let empty = try await agent.policies.count
                var setup = ContainerSetup()
                setup.programs = ["deed"]
                setup.files = ["/tmp/plain": "x"]
                setup.pod.namespace = Self.team(0)
                try await RuncContainer.with(agent, setup) { container in
                    try await Self.measure(container, policies: 0)
                    var loading = Duration.zero
                    for number in 0..<Self.count {
                        loading += try await ContinuousClock().measure { try await agent.add(Self.yaml(number)) }
                        if [1, 10, 100, 1000].contains(number + 1) {
                            report("\(number + 1) policies: loaded in \(loading / (number + 1)) each")
                            try await Self.measure(container, policies: number + 1)
                            try await Self.list(agent, number + 1 + empty)
                        }
                    }
                    try await Self.expectOwn(agent, container)
                    let unloading = try await ContinuousClock().measure {
                        for number in 0..<Self.count { try await agent.delete(Self.name(number)) }
                    }
                    report("\(Self.count) policies: unloaded in \(unloading / Self.count) each")
                    #expect(try await agent.policies.count == empty)
                }
            }
        }

        private static func team(_ number: Int) -> String { "team-\(number)" }
        private static func name(_ number: Int) -> String { "many-\(number)" }
        private static func secret(_ number: Int) -> String { "/tmp/secret-\(number)" }

        /// Every second one forbids at an LSM hook where the kernel has them, the others watch a tracepoint.
        private static func yaml(_ number: Int) -> String {
            let isAtSecurityHook = number % 2 == 1 && PolicyKernel.asksAtSecurityHooks
            let hook =
                isAtSecurityHook
                ? """
                  lsmhooks:
                  - hook: file_open
                    args:
                    - {index: 0, type: file}
                    selectors:
                    - matchArgs:
                      - {index: 0, operator: Equal, values: [\(secret(number))]}
                      matchActions:
                      - {action: Override, argError: -1}
                """
                : """
                  tracepoints:
                  - subsystem: syscalls
                    event: sys_enter_openat
                    args:
                    # The name: fields 0 to 4 are every system call's.
                    - {index: 6, type: string}
                    selectors:
                    - matchArgs:
                      - {index: 6, operator: Equal, values: [\(secret(number))]}
                """
            return """
                apiVersion: cilium.io/v1alpha1
                kind: TracingPolicy
                metadata:
                  name: \(name(number))
                spec:
                  podSelector:
                    matchLabels: {"k8s:io.kubernetes.pod.namespace": \(team(number))}
                \(hook)

                """
        }

        /// What opening a file costs that no policy asks for, in a container to which one of them applies.
        private static func measure(_ container: RuncContainer, policies: Int) async throws {
            let words = ["exec", container.id, "/deed", "attempt", "\(hits)", "/", "openat", "/tmp/plain"]
            let outcome = try await Command(RuncContainer.command(words)).outcome()
            let match = try #require(outcome.output.firstMatch(of: /(\d+) passed, (\d+) ns each/), "\(outcome)")
            #expect(Int(match.1) ?? 0 >= hits, "opening fails: \(outcome.output)")
            report("\(policies) policies: a file opened in \(match.2) ns")
        }

        /// Of all policies the container has its own.
        private static func expectOwn(_ agent: AgentProcess, _ container: RuncContainer) async throws {
            try await EventStream.with(agent) { events in
                for number in [0, 2] {
                    _ = try await Command(
                        RuncContainer.command(["exec", container.id, "/deed", "openat", secret(number)])
                    ).outcome()
                }
                try await events.settle()
                let names = events.all.compactMap { event -> String? in
                    guard case .processTracepoint(let hit)? = event.message.event else { return nil }
                    return hit.process.container.id == container.id ? hit.policyName : nil
                }
                #expect(names == [name(0)])
            }
        }

        private static func list(_ agent: AgentProcess, _ count: Int) async throws {
            let clock = ContinuousClock()
            let begin = clock.now
            let policies = try await agent.policies
            let duration = clock.now - begin
            #expect(policies.count == count)
            #expect(policies.allSatisfy { $0.state == .tpStateEnabled }, "\(policies.filter { !$0.error.isEmpty })")
            let bytes = policies.map(\.kernelMemoryBytes).reduce(0, +)
            report(
                "\(count) policies: listed in \(duration), \(bytes / UInt64(max(count, 1))) bytes of the kernel each")
        }
    }
}
