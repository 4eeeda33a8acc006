// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRPCCore
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// What a running agent's policies are told to be, and what they count: at a tracepoint that every kernel has.
    @Suite struct PolicyModeTests {
        private static func yaml(_ name: String, _ path: String, actions: String = "{action: Sigkill}") -> String {
            """
            apiVersion: cilium.io/v1alpha1
            kind: TracingPolicy
            metadata:
              name: \(name)
            spec:
              tracepoints:
              - subsystem: syscalls
                event: sys_enter_openat
                args:
                - {index: 6, type: string}
                selectors:
                - matchArgs:
                  - {index: 6, operator: Equal, values: [\(path)]}
                  matchActions: [\(actions)]

            """
        }

        /// Whether who opens the file lives to say that there is none.
        private static func survives(_ path: String) async throws -> Bool {
            try await Command(["/bin/cat", path]).outcome().status == 1
        }

        private static func setMode(_ agent: AgentProcess, _ name: String, _ mode: String) async throws {
            let outcome = try await Command.succeed([
                Artifacts.client, "policy", "set-mode", name, mode, "--server-address", agent.address,
            ])
            #expect(outcome.errors == "apus: set \(name) to \(mode)\n")
        }

        private static func status(_ agent: AgentProcess, _ name: String) async throws -> Tetragon_TracingPolicyStatus {
            try #require(try await agent.policies.first { $0.name == name })
        }

        @Test("what a policy kills lives while it only monitors, and the event says so")
        func mode() async throws {
            let path = "/tmp/\(uniqueWord("forbidden"))"
            try await AgentProcess.with { agent in
                try await EventStream.with(agent) { events in
                    try await agent.add(Self.yaml("killer", path))
                    #expect(try await Self.status(agent, "killer").mode == .tpModeEnforce)
                    #expect(try await !Self.survives(path))

                    try await Self.setMode(agent, "killer", "monitor")
                    #expect(try await Self.status(agent, "killer").mode == .tpModeMonitor)
                    #expect(try await Self.survives(path))
                    // It stays so.
                    for isEnabled in [false, true] {
                        _ = try await agent.withClient { client in
                            try await client.configureTracingPolicy(
                                .with { ($0.name, $0.enable) = ("killer", isEnabled) })
                        }
                        #expect(try await Self.status(agent, "killer").enabled == isEnabled)
                        #expect(try await Self.survives(path))
                    }

                    try await Self.setMode(agent, "killer", "enforce")
                    #expect(try await !Self.survives(path))
                    try await events.settle()
                    let hits = events.all.compactMap { event in
                        if case .processTracepoint(let hit)? = event.message.event { hit } else { nil }
                    }
                    #expect(hits.map(\.monitored) == [false, true, true, false])
                    #expect(hits.allSatisfy { $0.action == .sigkill && $0.policyName == "killer" })
                    let stats = try await Self.status(agent, "killer").stats
                    #expect(stats.hits == 4 && stats.missed == 0)
                    #expect(
                        stats.actionCounters
                            == .with { ($0.post, $0.signal, $0.monitorSignal) = (4, 2, 2) })
                }
            }
        }

        @Test("a policy that is not there, or is asked for what there is not, is refused with the reason")
        func refusals() async throws {
            try await AgentProcess.with { agent in
                func refusal(_ fill: @Sendable @escaping (inout Tetragon_ConfigureTracingPolicyRequest) -> Void) async
                    -> RPCError?
                {
                    await #expect(throws: RPCError.self) {
                        try await agent.withClient { client in
                            _ = try await client.configureTracingPolicy(.with(fill))
                        }
                    }
                }
                let unknown = await refusal { ($0.name, $0.namespace, $0.mode) = ("p", "n", .tpModeMonitor) }
                #expect(unknown?.code == .notFound && unknown?.message == "tracing policy n/p does not exist")
                let nameless = await refusal { $0.mode = .tpModeMonitor }
                #expect(nameless?.code == .invalidArgument)
                #expect(nameless?.message == "ConfigureTracingPolicy needs the policy's name")
                let modeless = await refusal { ($0.name, $0.mode) = ("p", .tpModeMonitorOnly) }
                #expect(modeless?.code == .invalidArgument)
                let outcome = try await Command.run(
                    Artifacts.client, "policy", "set-mode", "p", "enforce", "-n", "n", "--server-address",
                    agent.address)
                #expect(outcome.status == 1 && outcome.errors.contains("tracing policy n/p does not exist"))
            }
        }

        @Test("hits count in the list, the metrics and the dump, also those of which no event comes")
        func counts() async throws {
            let (loud, quiet) = ("/tmp/\(uniqueWord("loud"))", "/tmp/\(uniqueWord("quiet"))")
            let port = try freePort()
            try await AgentProcess.with(["--metrics-server", "127.0.0.1:\(port)"]) { agent in
                try await agent.add(Self.yaml("loud", loud, actions: "{action: Post}"))
                try await agent.add(Self.yaml("quiet", quiet, actions: "{action: Sigkill}, {action: NoPost}"))
                for _ in 0..<3 { #expect(try await Self.survives(loud)) }
                for _ in 0..<2 { #expect(try await !Self.survives(quiet)) }

                let told = try await Self.status(agent, "loud").stats
                #expect(told.hits == 3 && told.actionCounters == .with { $0.post = 3 })
                let silent = try await Self.status(agent, "quiet").stats
                #expect(silent.hits == 2 && silent.actionCounters == .with { ($0.nopost, $0.signal) = (2, 2) })
                #expect(silent.selectorActionCounters.map(\.selectorLabel) == ["Sigkill, NoPost"])
                #expect(silent.selectorActionCounters.map(\.actionCounters) == [silent.actionCounters])

                for line in [
                    #"apus_tracingpolicy_loaded{state="enabled"} 2"#, #"apus_policy_events_total{policy="loud"} 3"#,
                    #"apus_tracingpolicy_actions_total{action="post"} 3"#,
                    #"apus_tracingpolicy_actions_total{action="nopost"} 2"#,
                    #"apus_tracingpolicy_actions_total{action="signal"} 2"#,
                    #"apus_tracingpolicy_selector_actions_total{policy="quiet",hook="tracepoints[0]","#
                        + #"name="syscalls/sys_enter_openat",selector="0",action="signal"} 2"#,
                    #"apus_policy_missed_total{cause="recursion"} 0"#, "apus_stacks_unnamed_total 0",
                ] {
                    try await eventually("\(line) among the metrics") {
                        try await Self.metrics(port).contains(Substring(line))
                    }
                }
                #expect(
                    try await Self.metrics(port).contains {
                        $0.wholeMatch(of: /apus_tracingpolicy_kernel_memory_bytes\{policy="quiet"\} [1-9]\d+/) != nil
                    })

                let dump = try await agent.withConnection {
                    try await Apus_V1_Node.Client(wrapping: $0).dumpPolicies(.init())
                }
                #expect(dump.generation == 2 && dump.binarySetsLimit == 512 && dump.omittedRows == 0)
                #expect(dump.programs.map(\.sensor).allSatisfy { $0 == "tracepoint/syscalls/sys_enter_openat" })
                #expect(dump.programs.allSatisfy { $0.kernelMemoryBytes > 0 && $0.rowsLimit > 0 })
                let rows = dump.programs.flatMap(\.rows)
                #expect(Set(rows.map(\.policy)) == ["loud", "quiet"] && rows.count == 2)
                #expect(rows.first { $0.policy == "quiet" }?.stats.hits == 2)
            }
        }

        @Test("each selector of a hook counts its own hits, in the list and for people, and its neighbour's stay 0")
        func selectors() async throws {
            let (killed, told) = ("/tmp/\(uniqueWord("killed"))", "/tmp/\(uniqueWord("told"))")
            let yaml =
                Self.yaml("both", killed, actions: "{action: Sigkill}, {action: NoPost}") + """
                        - matchArgs:
                          - {index: 6, operator: Equal, values: [\(told)]}
                      - subsystem: syscalls
                        event: sys_enter_openat
                        args: [{index: 6, type: string}]
                        selectors:
                        - matchArgs:
                          - {index: 6, operator: Equal, values: [/tmp/nobody-opens-this]}

                    """
            try await AgentProcess.with { agent in
                try await agent.add(yaml)
                for _ in 0..<2 { #expect(try await !Self.survives(killed)) }
                for _ in 0..<3 { #expect(try await Self.survives(told)) }
                let status = try await Self.status(agent, "both")
                let selectors = status.stats.selectorActionCounters
                #expect(selectors.map(\.hook).allSatisfy { $0 == "syscalls/sys_enter_openat" })
                #expect(selectors.map(\.section).allSatisfy { $0 == "tracepoints" })
                #expect(selectors.map(\.hookIndex.value) == [0, 0, 1])
                #expect(selectors.map(\.selectorIndex.value) == [0, 1, 0])
                #expect(selectors.map(\.selectorLabel) == ["Sigkill, NoPost", "Post", "Post"])
                #expect(
                    selectors.map(\.actionCounters) == [
                        .with { ($0.nopost, $0.signal) = (2, 2) }, .with { $0.post = 3 }, .init(),
                    ])
                #expect(status.stats.actionCounters == .with { ($0.post, $0.nopost, $0.signal) = (3, 2, 2) })
                #expect(status.hookStatuses.map(\.state) == [.statusLoaded, .statusLoaded])
                #expect(status.hookStatuses.map(\.hookIdx) == [0, 1])
                #expect(
                    status.hookStatuses.allSatisfy {
                        $0.section == "tracepoints" && $0.method == "tracepoint"
                            && $0.hookDescription == "tracepoint syscalls/sys_enter_openat"
                    })
                let shown = try await Command.succeed([
                    Artifacts.client, "policy", "status", "both", "--server-address", agent.address,
                ]).output
                #expect(shown.contains("    selector 0 (Sigkill, NoPost): nopost 2, signal 2\n"), "\(shown)")
                #expect(shown.contains("    selector 1 (Post): post 3\n"), "\(shown)")
                #expect(shown.contains("    selector 0 (Post): nothing yet\n"), "\(shown)")
            }
        }

        @Test("a policy that cannot be had here names the hooks which this kernel has not")
        func absence() async throws {
            try await AgentProcess.with { agent in
                let yaml = """
                    apiVersion: cilium.io/v1alpha1
                    kind: TracingPolicy
                    metadata: {name: absent}
                    spec:
                      tracepoints:
                      - {subsystem: syscalls, event: sys_enter_openat}
                      - {subsystem: syscalls, event: sys_enter_nothing}

                    """
                await #expect(throws: RPCError.self) { try await agent.add(yaml) }
                let hooks = try await Self.status(agent, "absent").hookStatuses
                #expect(hooks.map(\.state) == [.statusUnspecified, .statusCallNotFound])
                #expect(hooks.map(\.hookDescription) == ["syscalls/sys_enter_openat", "syscalls/sys_enter_nothing"])
            }
        }

        private static func metrics(_ port: UInt16) async throws -> [Substring] {
            try await Command.succeed(["curl", "-sS", "--max-time", "10", "http://127.0.0.1:\(port)/metrics"])
                .output.split(separator: "\n")
        }
    }
}
