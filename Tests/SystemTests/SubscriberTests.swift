// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing
import TetragonAPI

extension SystemTests {
    /// A thousand subscribers at once, and some that behave badly.
    @Suite struct SubscriberTests {
        /// In storms that a queue has room for: whoever reads keeps up with each.
        private static let processes = 200
        private static let storms = Artifacts.count("APUS_SUBSCRIBER_STORMS", default: 8)
        private static let queue = 2000
        /// Half of them have a connection each; of one with many streams a server allows a hundred.
        private static let connections = ["500x1", "5x100"]
        private static let subscribers = 1000
        /// By how much the agent may have grown, with all of them there, after the storms.
        private static let mostGrowth = 300 << 20

        struct Group: Decodable {
            var streams: Int
            var ended: Int
            var messages: UInt64
            /// Events of the storms that one stream has had.
            var least: Int
            var most: Int
            /// Events told to be missing because it was slow, and for other reasons.
            var slow: UInt64
            var other: UInt64
        }

        struct Counts: Decodable {
            var complete: Int
            var good: Group
            var slow: Group
            var mute: Group
            var cut: Group
        }

        @Test("of a thousand subscribers those that read lose nothing, whatever the others do")
        func thousand() async throws {
            try await AgentProcess.with(["--event-queue-size", "\(Self.queue)"]) { agent in
                let word = uniqueWord("subscribed")
                let alone = try Memory(agent.pid)
                let client = try Command(
                    [
                        Artifacts.foreign("subscribers"), agent.socket, "leave \(word)", "\(Self.processes)",
                        "\(Self.storms)",
                        "\(600 * patience)",
                    ] + Self.connections)
                defer { client.signal(SIGKILL) }
                func said(_ words: String) async throws {
                    try await eventually(words, within: .seconds(120)) {
                        guard client.isRunning else { throw Failure("the client ended: \(client.errorsSoFar)") }
                        return client.outputSoFar.contains(words)
                    }
                }
                try await said("subscribed")
                let subscribed = try Memory(agent.pid)

                let begin = ContinuousClock.now
                for storm in 1...Self.storms {
                    let words = ["1", "2", "\(Self.processes / 2)", "8", "1000", "600", word]
                    try await Command.succeed([Artifacts.testProgram("storm")] + words)
                    try await said("have \(storm * Self.processes)\n")
                }
                let took = ContinuousClock.now - begin
                try await said("complete")
                let full = try Memory(agent.pid)
                let counts = try Self.counts(client)
                let events = 2 * Self.processes * Self.storms

                #expect(counts.complete == Self.subscribers && counts.good.ended == 0)
                #expect(counts.good.least == events && counts.good.most == events)
                #expect(counts.good.slow == 0 && counts.good.other == 0)
                #expect(counts.cut.ended == 1 && counts.cut.messages >= 20)
                #expect(counts.slow.messages > 0 && counts.slow.slow > 0 && counts.mute.messages == 0)
                let losers = try await Self.losers(agent)
                // The slow one has been told of each, the mute one does not listen: two, and nobody else.
                #expect(losers.count == 2 && losers.contains { $0.lost == counts.slow.slow && $0.waiting == 0 })
                #expect(losers.contains { $0.lost > 0 && $0.waiting == UInt64(Self.queue) })
                #expect(full.peak < alone.resident + Self.mostGrowth)

                client.signal(SIGTERM)
                _ = try await client.outcome()
                try await eventually("their subscriptions to end", within: .seconds(60)) {
                    try await Self.ledger(agent).subscribers.count == 1
                }
                report(
                    "\(events) events × \(Self.subscribers) in \(took); slow lost \(counts.slow.slow), told of all; "
                        + "mute lost \(losers.map(\.lost).max() ?? 0); resident alone \(alone), subscribed \(subscribed), "
                        + "after the storms \(full), left \(try Memory(agent.pid))")
            }
        }

        private static func counts(_ client: Command) throws -> Counts {
            guard let line = client.outputSoFar.split(separator: "\n").last else { throw Failure("no report") }
            return try JSONDecoder().decode(Counts.self, from: Data(line.utf8))
        }

        private static func ledger(_ agent: AgentProcess) async throws -> Apus_V1_GetLedgerResponse {
            try await agent.withConnection { try await Apus_V1_Node.Client(wrapping: $0).getLedger(.init()) }
        }

        /// Checked on the way: every account balances.
        private static func losers(_ agent: AgentProcess) async throws -> [Apus_V1_GetLedgerResponse.Subscriber] {
            let ledger = try await ledger(agent)
            guard ledger.imbalances.isEmpty else { throw Failure("the ledger: \(ledger.imbalances)") }
            return ledger.subscribers.filter { $0.lost > 0 }
        }

        /// An agent's resident memory, in bytes.
        private struct Memory: CustomStringConvertible {
            let resident: Int
            let peak: Int

            init(_ pid: pid_t) throws {
                let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
                func bytes(_ field: String) throws -> Int {
                    let line = status.split(separator: "\n").first { $0.hasPrefix("\(field):") }
                    guard let count = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) })
                    else { throw Failure("no \(field) of process \(pid)") }
                    return count << 10
                }
                (resident, peak) = (try bytes("VmRSS"), try bytes("VmHWM"))
            }

            var description: String { "\(resident >> 20) MB (peak \(peak >> 20) MB)" }
        }
    }
}
