// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Synchronization
import TetragonAPI

/// A subscriber in another language and process, which asks for what a request in JSON says. It keeps the events that
/// mention a word: others may happen on the machine by the thousand.
final class ForeignStream: Sendable {
    private struct State {
        var read: UInt64 = 0
        var line = Data()
        var events: [Event] = []
    }

    private let client: Command
    private let word: Data
    private let state = Mutex(State())

    /// - Parameters:
    ///   - client: one of those that Tests/Foreign/build.sh makes.
    ///   - flags: of the client.
    init(
        _ agent: AgentProcess, _ request: String, word: String = "", client: String = "client-cpp",
        flags: [String] = []
    ) throws {
        self.client = try Command([Artifacts.foreign(client)] + flags + [agent.address, request])
        self.word = Data(word.utf8)
    }

    func subscribed() async throws {
        try await eventually("a foreign client to subscribe", within: .seconds(60)) {
            guard client.isRunning else { throw Failure("it ended: \(client.errorsSoFar)") }
            return client.errorsSoFar.contains("subscribed")
        }
    }

    /// What it says when its call is refused.
    func refusal() async throws -> String {
        let outcome = try await client.outcome(within: .seconds(20))
        guard outcome.status == 1 else { throw Failure("it ended with \(outcome.status): \(outcome.errors)") }
        return outcome.errors
    }

    /// Those that it has printed so far.
    var events: [Event] {
        get throws {
            try state.withLock { state in
                let new = try client.output(from: state.read)
                state.read += UInt64(new.count)
                state.line.append(new)
                var lines = state.line.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
                state.line = Data(lines.removeLast())
                for line in lines where word.isEmpty || line.range(of: word) != nil {
                    state.events.append(Event(try Tetragon_GetEventsResponse(jsonUTF8Bytes: line)))
                }
                return state.events
            }
        }
    }

    /// Whether it still takes events.
    var isRunning: Bool { client.isRunning }
    var complaints: String { client.errorsSoFar }

    func stop() { client.signal(SIGKILL) }
}
