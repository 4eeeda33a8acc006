// SPDX-License-Identifier: Apache-2.0
import GRPCCore
import Synchronization
import TetragonAPI

/// What a subscriber of an agent has seen so far: from the moment that the stream's headers came, everything.
final class EventStream: Sendable {
    private struct State {
        var events: [Event] = []
        var isOpen = false
        var end: String?
    }

    private let state = Mutex(State())

    /// Subscribes for the length of `body`.
    static func with(_ agent: AgentProcess, _ body: (EventStream) async throws -> Void) async throws {
        let stream = EventStream()
        let reader = Task { await stream.read(agent) }
        defer { reader.cancel() }
        try await eventually("the subscription") {
            if let end = stream.state.withLock({ $0.end }) { throw Failure("the stream ended: \(end)") }
            return stream.state.withLock { $0.isOpen }
        }
        try await body(stream)
        reader.cancel()
        await reader.value
    }

    private func read(_ agent: AgentProcess) async {
        do {
            try await agent.withClient { client in
                try await client.getEvents(.init()) { response in
                    _ = try response.accepted.get()
                    self.state.withLock { $0.isOpen = true }
                    for try await message in response.messages {
                        self.state.withLock { $0.events.append(Event(message)) }
                    }
                }
            }
            state.withLock { $0.end = "by the agent" }
        } catch {
            state.withLock { $0.end = "\(error)" }
        }
    }

    var all: [Event] { state.withLock { $0.events } }

    func all(where predicate: (Event) -> Bool) -> [Event] { all.filter(predicate) }

    /// The first event that `predicate` accepts, once it has come.
    func first(
        _ what: String, within limit: Duration = .seconds(20), where predicate: (Event) -> Bool
    ) async throws -> Event {
        var looked = 0
        var found: Event?
        try await eventually("\(what) in the event stream", within: limit) {
            let (new, end) = state.withLock { (Array($0.events[looked...]), $0.end) }
            found = new.first(where: predicate)
            looked += new.count
            if found == nil, let end { throw Failure("the stream ended before \(what): \(end)") }
            return found != nil
        }
        return found!
    }

    /// The exec event of the program that has these arguments: a word that only one has.
    func exec(_ arguments: String) async throws -> Event {
        try await first("an exec with arguments \(arguments.prefix(80))") {
            $0.isExec && $0.process.arguments == arguments
        }
    }

    /// The exit event that ends the image of an exec event.
    func exit(of exec: Event) async throws -> Event {
        try await first("the exit of \(exec.process.binary) \(exec.process.arguments.prefix(80))") {
            $0.isExit && $0.process.execID == exec.process.execID
        }
    }

    /// Returns when everything that has happened so far has arrived: what is absent then did not happen.
    func settle() async throws {
        let marker = uniqueWord("marker")
        try await Command.succeed(["/bin/true", marker])
        _ = try await first("the marker") { $0.isExit && $0.process.arguments == marker }
    }
}
