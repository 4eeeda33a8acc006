// SPDX-License-Identifier: Apache-2.0
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Server
import SwiftProtobuf
import Testing
import TetragonAPI

@Suite struct PlanServiceTests {
    @Test func `a text's policies are told with their plans and with what is wrong`() async throws {
        try await RunningServer.with { server in
            server.agent.change {
                $0.plan = { yaml in
                    [
                        PlannedPolicy(name: "p", namespace: "shop", plan: "plan of \(yaml)"),
                        PlannedPolicy(problems: [.init(path: "spec", reason: "r", advice: "a", line: 3, column: 4)]),
                    ]
                }
            }
            let planned = try await RunningServer.withConnection(.unixDomainSocket(path: server.mainPath)) { client in
                try await Apus_V1_Node.Client(wrapping: client).planPolicy(.with { $0.yaml = "x" }).policies
            }
            #expect(
                planned.map(\.plan) == ["plan of x", ""] && planned[0].name == "p" && planned[0].namespace == "shop")
            let problem = try #require(planned[1].problems.first)
            #expect((problem.path, problem.reason, problem.advice) == ("spec", "r", "a"))
            #expect((problem.line, problem.column) == (3, 4))
        }
    }
}
