// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing
import TetragonAPI

extension SystemTests {
    /// Probes that programs bring (USDT): those of Tests/Programs/probes.c.
    @Suite struct UserProbeTests {
        private static func yaml(_ program: String, name: String = "guarded") -> String {
            """
            apiVersion: cilium.io/v1alpha1
            kind: TracingPolicy
            metadata:
              name: probes
            spec:
              containerSelector: {matchLabels: {name: web}}
              usdts:
              - path: \(program)
                provider: apus
                name: pass
                message: text was passed
                tags: [one, two]
                args:
                - {index: 1, type: string, label: text}
                - {index: 0, type: int}
                - {index: 2, type: uint8}
                selectors:
                - matchArgs:
                  - {index: 1, operator: Equal, values: [seven]}
              - path: \(program)
                provider: apus
                name: \(name)
                args: [{index: 0, type: int64}]
                selectors:
                - matchArgs: [{index: 0, operator: Equal, values: ["7"]}]
                  matchActions: [{action: Signal, argSig: 28}]

            """
        }

        private static func hits(_ events: [Event]) -> [Tetragon_ProcessUsdt] {
            events.compactMap { if case .processUsdt(let hit)? = $0.message.event { hit } else { nil } }
        }

        @Test("a probe of a container's program is told with all that a policy asks for, and others are not")
        func told() async throws {
            let program = try Artifacts.testProgram("probes")
            func pass(_ number: Int, _ text: String) async throws -> Int32 {
                try await Command([program, "pass", "\(number)", text]).outcome().status
            }
            func container(_ number: Int, _ text: String) -> ContainerSetup {
                var setup = ContainerSetup()
                setup.binds = ["/opt": URL(filePath: program).deletingLastPathComponent().path]
                setup.command = ["/opt/probes", "pass", "\(number)", text]
                return setup
            }
            try await AgentProcess.with(["--enable-ancestors", "base,usdt"]) { agent in
                try await EventStream.with(agent) { events in
                    let error = await #expect(throws: (any Error).self) {
                        try await agent.add(Self.yaml(program, name: "gaurded"))
                    }
                    let reason = error.map { "\($0)" } ?? ""
                    #expect(reason.contains(#"did you mean "guarded"?"#), "\(reason)")
                    #expect(try await agent.policies.map(\.state) == [.tpStateLoadError])
                    // Nobody asks for the probe that is guarded.
                    #expect(try await pass(7, "seven") == 1)

                    try await agent.add(Self.yaml(program))
                    let status = try #require(try await agent.policies.first)
                    #expect(status.sensors == ["usdt/\(program):apus:pass", "usdt/\(program):apus:guarded"])
                    // Outside of the container that is meant it is asked for as well, and told of nobody.
                    #expect(try await pass(7, "seven") == 0)
                    let other = container(8, "eight"), meant = container(7, "seven")
                    for setup in [other, meant] { try await RuncContainer.runToEnd(agent, setup) }
                    _ = try await events.first("the guarded probe") { event in
                        Self.hits([event]).contains { $0.name == "guarded" }
                    }
                    try await events.settle()

                    let hits = Self.hits(events.all)
                    #expect(hits.map(\.name) == ["pass", "pass", "pass", "guarded"])
                    for hit in hits {
                        #expect(hit.path == program && hit.provider == "apus" && hit.policyName == "probes")
                        #expect(hit.process.binary == "/opt/probes" && hit.process.arguments == "pass 7 seven")
                        #expect(hit.process.container.id == meant.id && hit.process.pod.container.name == "web")
                        #expect(hit.parent.execID == hit.process.parentExecID && !hit.ancestors.isEmpty)
                        #expect(!hit.monitored)
                    }
                    for hit in hits.prefix(3) {
                        #expect(hit.args.map(\.arg) == [.stringArg("seven"), .intArg(7), .uintArg(17)])
                        #expect(hit.args.map(\.label) == ["text", "", ""])
                        #expect(hit.message == "text was passed" && hit.tags == ["one", "two"] && hit.action == .post)
                    }
                    #expect(hits.last?.args.map(\.arg) == [.longArg(7)] && hits.last?.action == .signal)
                    #expect(hits.last?.message.isEmpty == true && hits.last?.tags.isEmpty == true)

                    try await agent.delete("probes")
                    // What is let go is closed when its turn comes.
                    try await eventually("the probe to be guarded again") { try await pass(7, "seven") == 1 }
                }
            }
        }
    }
}
