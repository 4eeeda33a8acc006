// SPDX-License-Identifier: Apache-2.0
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import SwiftProtobuf
import Synchronization
import TetragonAPI

/// A subscriber that asks what it has lost, and that need not be quick.
final class LossyStream: Sendable {
    enum Item: Sendable, Equatable {
        /// Names the event: no two have the same.
        case event(String)
        /// So many are missing here because this client was slow.
        case gap(UInt64)
    }

    /// What the stream has brought.
    struct Received: Sendable {
        var items: [Item] = []
        /// Told to be missing, by the CPU whose ring was full.
        var ringFull: [UInt32: UInt64] = [:]
        var malformed: UInt64 = 0
        var missed: UInt64 = 0
        var slow: UInt64 = 0
        var events: UInt64 = 0
        /// Execs whose arguments begin with those that are looked for.
        var own = 0
        var isOpen = false
        var end: String?

        mutating func add(_ message: Tetragon_GetEventsResponse, own: String) {
            switch message.event {
            case .loss(let loss)?:
                for gap in loss.gaps {
                    switch gap.cause {
                    case .ringFull: ringFull[gap.cpu.value, default: 0] += gap.count
                    case .malformed: malformed += gap.count
                    case .missed: missed += gap.count
                    case .slowClient:
                        slow += gap.count
                        items.append(.gap(gap.count))
                    case .unspecified, .UNRECOGNIZED: end = "a loss of an unknown cause: \(gap)"
                    }
                }
            default:
                let event = Event(message)
                events += 1
                if event.isExec, event.process.arguments.hasPrefix(own) { self.own += 1 }
                items.append(.event("\(event.process.execID) \(event.isExec)"))
            }
        }
    }

    private let state = Mutex(Received())
    private let hurries = Atomic(false)
    private let arguments: String
    /// How many messages are read between two pauses, and how long those are.
    private let pace: (messages: Int, pause: Duration)?

    private init(arguments: String, pace: (messages: Int, pause: Duration)?) {
        self.arguments = arguments
        self.pace = pace
    }

    /// Subscribes for the length of `body`.
    /// - Parameter pace: nil for one that reads as fast as it can.
    static func with(
        _ agent: AgentProcess, arguments: String, pace: (messages: Int, pause: Duration)? = nil,
        _ body: (LossyStream) async throws -> Void
    ) async throws {
        let stream = LossyStream(arguments: arguments, pace: pace)
        let reader = Task { await stream.read(agent) }
        defer { reader.cancel() }
        try await eventually("a subscription") {
            let (isOpen, end) = stream.state.withLock { ($0.isOpen, $0.end) }
            if let end { throw Failure("the stream ended: \(end)") }
            return isOpen
        }
        try await body(stream)
    }

    private func read(_ agent: AgentProcess) async {
        do {
            let transport = try HTTP2ClientTransport.Posix(
                target: .unixDomainSocket(path: agent.socket), transportSecurity: .plaintext,
                config: .defaults {
                    $0.http2.authority = "localhost"
                    // What is not read soon waits in the agent.
                    $0.http2.targetWindowSize = 65_535
                })
            try await withGRPCClient(transport: transport) { client in
                let options = Tetragon_GetEventsRequest.with { $0.options.loss = true }
                try await Tetragon_FineGuidanceSensors.Client(wrapping: client).getEvents(options) { response in
                    _ = try response.accepted.get()
                    self.state.withLock { $0.isOpen = true }
                    var read = 0
                    for try await message in response.messages {
                        self.state.withLock { $0.add(message, own: self.arguments) }
                        read += 1
                        if let pace = self.pace, read.isMultiple(of: pace.messages),
                            !self.hurries.load(ordering: .relaxed)
                        {
                            try await Task.sleep(for: pace.pause)
                        }
                    }
                }
            }
            state.withLock { $0.end = "by the agent" }
        } catch {
            state.withLock { $0.end = "\(error)" }
        }
    }

    /// No pause any more.
    func hurry() { hurries.store(true, ordering: .relaxed) }

    var received: Received { state.withLock { $0 } }

    /// What it has brought when it has ended.
    func ending() async throws -> Received {
        try await eventually("the stream's end") { state.withLock { $0.end } != nil }
        return received
    }
}
