// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRPCCore
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// Policies from the moment that somebody brings them to their end, at a tracepoint that every kernel has.
    @Suite struct PolicyLifecycleTests {
        private static func yaml(_ name: String, _ path: String, scope: String = "") -> String {
            """
            apiVersion: cilium.io/v1alpha1
            kind: TracingPolicy
            metadata:
              name: \(name)
            spec:
            \(scope)
              tracepoints:
              - subsystem: syscalls
                event: sys_enter_openat
                args:
                - {index: 6, type: string}
                selectors:
                - matchArgs:
                  - {index: 6, operator: Equal, values: [\(path)]}

            """
        }

        /// The events of a policy, each with the file that was opened.
        private static func openings(_ policy: String, _ events: [Event]) -> [Tetragon_ProcessTracepoint] {
            events.compactMap { event in
                if case .processTracepoint(let hit)? = event.message.event, hit.policyName == policy {
                    hit
                } else {
                    nil
                }
            }
        }

        private static func read(_ path: String) async throws {
            _ = try await Command(["/bin/cat", path]).outcome()
        }

        @Test("a policy that a client adds tells of each call by its name, until it is disabled or deleted")
        func client() async throws {
            let path = "/tmp/\(uniqueWord("opened"))"
            try await AgentProcess.with { agent in
                try await EventStream.with(agent) { events in
                    try await agent.add(Self.yaml("watch", path))
                    let status = try #require(try await agent.policies.first { $0.name == "watch" })
                    #expect(status.state == .tpStateEnabled && status.error.isEmpty && status.filterID == 0)
                    #expect(status.sensors == ["tracepoint/syscalls/sys_enter_openat"])
                    #expect((1...100 << 10).contains(status.kernelMemoryBytes), "\(status.kernelMemoryBytes) bytes")
                    try await Self.read(path)
                    try await Self.read(path + "-other")
                    let event = try await events.first("the policy's event") {
                        !Self.openings("watch", [$0]).isEmpty
                    }
                    let hit = try #require(Self.openings("watch", [event]).first)
                    #expect(hit.subsys == "syscalls" && hit.event == "sys_enter_openat")
                    #expect(hit.args.map(\.stringArg) == [path])
                    #expect(hit.process.binary == "/bin/cat" || hit.process.binary == "/usr/bin/cat")
                    #expect(hit.process.arguments == path)

                    _ = try await agent.withClient { try await $0.disableTracingPolicy(.with { $0.name = "watch" }) }
                    try await Self.read(path)
                    _ = try await agent.withClient { try await $0.enableTracingPolicy(.with { $0.name = "watch" }) }
                    try await Self.read(path)
                    try await agent.delete("watch")
                    try await Self.read(path)
                    try await events.settle()
                    #expect(Self.openings("watch", events.all).count == 2)
                    #expect(try await agent.policies.allSatisfy { $0.name != "watch" })
                }
            }
        }

        @Test("a policy with selectors holds in a container that they mean from its first act on, and in no other")
        func selection() async throws {
            let path = "/tmp/\(uniqueWord("first"))"
            try await AgentProcess.with { agent in
                try await EventStream.with(agent) { events in
                    try await agent.add(
                        Self.yaml("shop", path, scope: "  containerSelector: {matchLabels: {name: web}}"))
                    #expect(try await agent.policies.first { $0.name == "shop" }?.filterID != 0)
                    var meant = ContainerSetup()
                    meant.command = ["/bin/cat", path]
                    meant.files = [path: "x"]
                    var other = meant
                    other.id = ContainerSetup().id
                    other.pod.container = "db"
                    var podless = meant
                    podless.id = ContainerSetup().id
                    podless.style = .none
                    try await Self.read(path)
                    for setup in [podless, other, meant] { try await RuncContainer.runToEnd(agent, setup) }
                    _ = try await events.first("the policy's event") { !Self.openings("shop", [$0]).isEmpty }
                    try await events.settle()
                    let hits = Self.openings("shop", events.all)
                    #expect(hits.map(\.process.container.id) == [meant.id])
                    #expect(hits.map(\.process.pod.container.name) == ["web"])
                }
            }
        }

        @Test("files of the directory are policies, before the agent is ready and while it runs")
        func directory() async throws {
            let directory = try TemporaryDirectory()
            let path = "/tmp/\(uniqueWord("file"))"
            try Self.yaml("first", path).write(toFile: directory("1.yaml"), atomically: false, encoding: .utf8)
            try "kind: [".write(toFile: directory("2.yaml"), atomically: false, encoding: .utf8)
            try await AgentProcess.with(["--tracing-policy-dir", directory("")]) { agent in
                let before = try await agent.policies
                #expect(before.map(\.name) == ["first", "2.yaml"])
                #expect(before.map(\.state) == [.tpStateEnabled, .tpStateLoadError])
                try FileManager.default.removeItem(atPath: directory("1.yaml"))
                try Self.yaml("second", path).write(toFile: directory("2.yaml"), atomically: true, encoding: .utf8)
                try await eventually("the files' policies") {
                    let now = try await agent.policies
                    return now.map(\.name) == ["second"] && now.map(\.state) == [.tpStateEnabled]
                }
            }
        }

        @Test("an agent that is told of a file that it cannot load does not start, and says why")
        func badFile() async throws {
            let directory = try TemporaryDirectory()
            try "kind: TracingPolicy\n".write(toFile: directory("p.yaml"), atomically: false, encoding: .utf8)
            let agent = try AgentProcess(["--tracing-policy", directory("p.yaml")])
            let error = await #expect(throws: (any Error).self) { try await agent.start() }
            #expect("\(error.map { "\($0)" } ?? "")".contains("p.yaml"), "\(String(describing: error))")
        }
    }
}
