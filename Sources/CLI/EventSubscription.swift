// SPDX-License-Identifier: Apache-2.0

import CLICore
import GRPCCore
import TetragonAPI

/// A stream of events, and what to do when it ends.
struct EventSubscription: Sendable {
    var connection: AgentConnection
    var request: Tetragon_GetEventsRequest
    /// How to wait before subscribing anew; nil ends with the stream.
    var backoff: Backoff?
    /// Tells the user how it goes.
    var tell: @Sendable (String) -> Void = { complain($0) }
    /// The stream was interrupted and goes on.
    var noteGap: @Sendable () -> Void = {}

    /// The stream had begun, and the agent ended it.
    private struct Ended: Error {
        var reason: String?
    }

    /// Hands on every event, until the agent ends the stream and no new one is wanted.
    func run(_ receive: @escaping @Sendable (Tetragon_GetEventsResponse) throws -> Void) async throws {
        var backoff = backoff
        var isFirst = true
        /// Of one outage the user hears once.
        var isTold = false
        while true {
            do {
                try await stream(isFirst, receive)
            } catch let end as Ended {
                let cause = end.reason.map { ": \($0)" } ?? ""
                guard backoff != nil else {
                    if end.reason == nil { return tell("the agent has ended the stream") }
                    throw Failure("the agent at \(connection.address.description.terminalSafe) has gone\(cause)")
                }
                tell("the agent has ended the stream\(cause); what happens until it is back is not seen")
                backoff?.reset()
                isFirst = false
                isTold = true
            } catch let failure as Failure where failure.mayPass && backoff != nil {
                if !isTold { tell("\(failure.problem); trying until it is there") }
                isTold = true
            }
            guard let wait = backoff?.wait() else { return }
            try await Task.sleep(for: wait)
        }
    }

    private func stream(
        _ isFirst: Bool, _ receive: @escaping @Sendable (Tetragon_GetEventsResponse) throws -> Void
    ) async throws {
        // An agent that knows no such wish sends none.
        var wishes = self.request
        wishes.options.loss = true
        let request = wishes
        try await connection.withClient { client in
            try await client.getEvents(request) { response in
                if case .success = response.accepted {
                    tell("subscribed to \(connection.address)")
                    if !isFirst { noteGap() }
                }
                do {
                    for try await event in response.messages { try receive(event) }
                } catch let error as RPCError where error.code == .unavailable && response.isAccepted {
                    throw Ended(reason: error.message.terminalSafe.withoutFullStop)
                }
                try Task.checkCancellation()
                throw Ended()
            }
        }
    }
}

extension StreamingClientResponse {
    fileprivate var isAccepted: Bool {
        if case .success = accepted { true } else { false }
    }
}
