// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// What a stream becomes on its way to a client, seen by one in another language.
    @Suite struct ShapingTests {
        /// Of each program in a container: how many events, for how many they stand, and the first one's arguments.
        private struct Tally: Equatable {
            var events = 0
            var count: UInt64 = 0
            var arguments = ""
            var time = Google_Protobuf_Timestamp()
        }

        private func tally(_ events: [Event], of container: String, _ kind: (Event) -> Bool) -> Tally {
            events.filter { kind($0) && $0.process.binary == "/bin/true" && $0.process.container.id == container }
                .reduce(into: Tally()) { tally, event in
                    if tally.events == 0 {
                        tally.arguments = event.process.arguments
                        tally.time = event.message.time
                    }
                    tally.events += 1
                    tally.count += event.message.hasAggregationInfo ? event.message.aggregationInfo.count : 1
                }
        }

        @Test("events of one program in one container come as one, with their count and the first one's time")
        func aggregation() async throws {
            try await AgentProcess.with { agent in
                let word = uniqueWord("many")
                let request = """
                    {"allow_list": [{"arguments_regex": ["^\(word) "]}],
                     "aggregation_options": {"window_size": "4s"}, "options": {"aggregate_processes": true}}
                    """
                let client = try ForeignStream(agent, request, word: word)
                defer { client.stop() }
                try await client.subscribed()
                try await EventStream.with(agent) { events in
                    var setup = ContainerSetup()
                    setup.command = ["/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8; do /bin/true \(word) $i; done"]
                    try await RuncContainer.runToEnd(agent, setup)
                    try await Command.succeed([
                        "/bin/sh", "-c", "for i in $(seq 12); do /bin/true \(word) $i; done",
                    ])
                    try await events.settle()

                    let places: [(container: String, count: UInt64)] = [("", 12), (setup.id, 8)]
                    try await eventually("the windows to be over") {
                        let all = try client.events
                        return places.allSatisfy { tally(all, of: $0.container, \.isExit).count >= $0.count }
                    }
                    let all = try client.events
                    for (container, count) in places {
                        for kind in [\Event.isExec, \Event.isExit] {
                            let unshaped = tally(events.all, of: container) {
                                $0[keyPath: kind] && $0.process.arguments.hasPrefix("\(word) ")
                            }
                            #expect(unshaped.events == count)
                            let shaped = tally(all, of: container) { $0[keyPath: kind] }
                            #expect(shaped.count == count)
                            // Two where the machine is so slow that a window was over meanwhile.
                            #expect(shaped.events <= 2)
                            #expect(shaped.arguments == "\(word) 1" && shaped.time == unshaped.time)
                        }
                    }
                }
            }
        }

        @Test("a client that ends at an event without a process lives through losses and rate limits")
        func strictClient() async throws {
            // The export tells of what it has withheld once a minute.
            try await AgentProcess.with(["--export-rate-limit", "5", "--rb-size", "64K"]) { agent in
                let word = uniqueWord("strict")
                let strict = try ForeignStream(agent, "{}", word: word, flags: ["--strict"])
                let asking = try ForeignStream(
                    agent, #"{"allow_list": [{}, {"event_set": ["RATE_LIMIT_INFO"]}], "options": {"loss": true}}"#)
                let alarmed = try ForeignStream(agent, #"{"options": {"loss": true}}"#, flags: ["--strict"])
                defer { for client in [strict, asking, alarmed] { client.stop() } }
                for client in [strict, asking, alarmed] { try await client.subscribed() }

                // While the agent stands still its ring overflows.
                agent.signal(SIGSTOP)
                let storm = "i=0; while [ $i -lt 500 ]; do /bin/true \(word) $i; i=$((i+1)); done"
                do {
                    defer { agent.signal(SIGCONT) }
                    try await Command.succeed(["/bin/sh", "-c", storm])
                }

                try await eventually("both to be told", within: .seconds(90)) {
                    let events = try asking.events
                    return events.contains { if case .loss? = $0.message.event { true } else { false } }
                        && events.contains {
                            if case .rateLimitInfo(let info)? = $0.message.event {
                                info.numberOfDroppedProcessEvents > 0
                            } else {
                                false
                            }
                        }
                }
                // That client can end: it does where losses are asked for.
                try await eventually("the client that asked for losses to end at one") { !alarmed.isRunning }
                #expect(alarmed.complaints.contains(/unknown event type: .* loss \{/), "\(alarmed.complaints)")

                let last = "\(word) last"
                try await Command.succeed(["/bin/true", word, "last"])
                try await eventually("the strict client to see what comes after") {
                    guard strict.isRunning else { throw Failure("it ended: \(strict.complaints)") }
                    return try strict.events.contains { $0.isExit && $0.process.arguments == last }
                }
            }
        }
    }
}
