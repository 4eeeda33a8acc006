// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// What a stream becomes on its way to a client, seen by one in another language.
    @Suite struct ShapingTests {
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
