// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// Clients in other languages, from other processes, made from proto/ alone.
    @Suite(.sharedAgent) struct ForeignClientTests {
        @Test(arguments: ["client-python", "client-cpp"])
        func foreignClientReadsTheSameEvents(_ name: String) async throws {
            try await EventStream.with(agent()) { events in
                let client = try Command([Artifacts.foreign(name), agent().address])
                defer { client.signal(SIGKILL) }
                try await eventually("\(name) to subscribe") {
                    guard client.isRunning else { throw Failure("\(name) ended: \(client.errorsSoFar)") }
                    return client.errorsSoFar.contains("subscribed")
                }
                var setup = ContainerSetup()
                let word = uniqueWord("seen")
                setup.command = ["/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8; do /bin/true \(word) $i; done"]
                try await RuncContainer.runToEnd(agent(), setup)
                try await events.settle()
                let ours = events.all { $0.process.container.id == setup.id }
                #expect(ours.count >= 18)

                var theirs: [Event] = []
                try await eventually("\(name) to have seen the last event") {
                    theirs = try client.outputSoFar.split(separator: "\n", omittingEmptySubsequences: true).compactMap {
                        $0.hasSuffix("}") ? Event(try Tetragon_GetEventsResponse(jsonString: String($0))) : nil
                    }.filter { $0.process.container.id == setup.id }
                    return theirs.count >= ours.count
                }
                #expect(theirs.map(\.process.execID) == ours.map(\.process.execID))
                #expect(theirs.map(\.message) == ours.map(\.message))
            }
        }

        @Test func clientThatPingsAsOthersDoStaysConnected() async throws {
            let seconds = Artifacts.count("APUS_PING_SECONDS", default: 60)
            let client = try Command([Artifacts.foreign("pinger"), agent().address, "\(seconds)"])
            defer { client.signal(SIGKILL) }
            // Each batch of events is an occasion for another PING.
            while client.isRunning {
                try await Command.succeed(["/bin/sh", "-c", "for i in $(seq 20); do /bin/true ping; done"])
            }
            let outcome = try await client.outcome(within: .seconds(5))
            #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
            report("pinger: \(outcome.output)")
        }
    }
}
