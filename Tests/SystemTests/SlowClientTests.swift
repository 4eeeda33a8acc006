// SPDX-License-Identifier: Apache-2.0
import GRPCCore
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// A client that does not read harms itself alone.
    @Suite struct SlowClientTests {
        /// Processes in a burst: fewer events than a queue holds, so that whoever reads keeps up with it.
        private static let burst = 500
        private static let argument = String(repeating: "x", count: 4000)

        @Test func slowClientLosesItsOwnEventsAndTheyAreCounted() async throws {
            try await AgentProcess.with(["--event-queue-size", "\(4 * Self.burst)"]) { agent in
                try await EventStream.with(agent) { quick in
                    let slow = Task { try await Self.subscribeWithoutReading(agent) }
                    defer { slow.cancel() }
                    try await eventually("the slow client's losses", within: .seconds(60)) {
                        try await Self.storm(seenBy: quick)
                        return try await Self.lost(agent) > 0
                    }
                    let status = try await Command.succeed([
                        Artifacts.client, "status", "--server-address", agent.address,
                    ])
                    #expect(try Self.lost(in: status.output) > 0)

                    // It goes in mid-stream: from then on nothing is lost in its name.
                    slow.cancel()
                    _ = await slow.result
                    try await eventually("the slow client's subscription to end") {
                        let before = try await Self.lost(agent)
                        try await Self.storm(seenBy: quick)
                        return try await Self.lost(agent) == before
                    }
                    report("events lost by the slow client: \(try await Self.lost(agent)), by the quick one: 0")
                }
            }
        }

        @Test("a client that asks is told in its stream what it was too slow for, and nobody else is")
        func told() async throws {
            try await AgentProcess.with(["--event-queue-size", "\(4 * Self.burst)"]) { agent in
                try await EventStream.with(agent) { quick in
                    try await agent.withClient { client in
                        try await client.getEvents(.with { $0.options.loss = true }) { response in
                            _ = try response.accepted.get()
                            try await eventually("losses of who does not read", within: .seconds(60)) {
                                try await Self.storm(seenBy: quick)
                                return try await Self.lost(agent) > 0
                            }
                            for try await message in response.messages {
                                guard case .loss(let loss)? = message.event else { continue }
                                let lost = try await Self.lost(agent)
                                #expect(loss.gaps.map(\.cause) == [.slowClient] && !loss.gaps[0].hasCpu)
                                #expect(loss.gaps[0].count > 0 && loss.gaps[0].count <= UInt64(lost))
                                #expect(message.hasTime && !message.nodeName.isEmpty)
                                return
                            }
                            throw Failure("the stream ended without a word about its losses")
                        }
                    }
                    #expect(quick.all.allSatisfy { $0.isExec || $0.isExit })
                }
            }
        }

        private static func subscribeWithoutReading(_ agent: AgentProcess) async throws {
            try await agent.withClient { client in
                try await client.getEvents(.init()) { response in
                    _ = try response.accepted.get()
                    try await Task.sleep(for: .seconds(600))
                }
            }
        }

        /// A burst of processes, of which a client that reads misses nothing.
        private static func storm(seenBy quick: EventStream) async throws {
            let word = uniqueWord("storm")
            try await Command.succeed([
                "/bin/sh", "-c", "i=0; while [ $i -lt \(burst) ]; do /bin/true \(word) $1; i=$((i+1)); done", "sh",
                argument,
            ])
            try await quick.settle()
            let own = quick.all { $0.process.arguments.hasPrefix(word) }
            #expect(own.count { $0.isExec } == burst)
            #expect(own.count { $0.isExit } == burst)
        }

        private static func lost(_ agent: AgentProcess) async throws -> Int {
            try lost(in: try await agent.healthDetails)
        }

        private static func lost(in details: String) throws -> Int {
            guard let match = details.firstMatch(of: /(\d+) events lost by slow clients/), let lost = Int(match.1)
            else {
                throw Failure("no losses are told: \(details)")
            }
            return lost
        }
    }
}
