// SPDX-License-Identifier: Apache-2.0
package import GRPCNIOTransportHTTP2Posix
package import Processes

/// What an event tells of. The raw values are the API's: EventType, and the field number in GetEventsResponse's oneof.
package enum EventKind: Int, Sendable {
    case processExec = 1
    case processExit = 5
    case processKprobe = 9
    case processTracepoint = 10
    case processLoader = 11
    case processUprobe = 12
    case processThrottle = 27
    case processLsm = 28
    case processUsdt = 29
    case test = 40_000
    /// The export's rate limit held events back. For those who ask for it.
    case rateLimitInfo = 40_001
    /// Events are missing. For those who ask for it.
    case loss = 50_000
}

/// One event, made once and shared by all subscribers.
///
/// It carries its encodings (each made once, and only where somebody wants it) and the model that filters read.
package final class Event: Sendable {
    package let kind: EventKind
    /// The event's own time, ns of CLOCK_BOOTTIME.
    package let time: UInt64
    /// Who did it; nil for an event that no process stands behind.
    package let process: ProcessImage?
    package let parent: ProcessImage?
    /// From the parent's parent on. Only for as long as the event is handed out: it may wait long for a slow reader, and
    /// whole families with it.
    nonisolated(unsafe) package private(set) var ancestors: Ancestors
    /// The policy that it comes from, if it does.
    package let policyName: String?
    /// What it is about beside its process: the function, tracepoint, symbol or probe that a policy watches, the cgroup that is
    /// throttled.
    package let subject: String?
    /// A whole GetEventsResponse in the form that the transport sends; empty when no subscriber reads protobuf.
    package let message: GRPCNIOTransportBytes
    /// The same as one line of JSON, newline included; empty when no subscriber reads JSON.
    package let json: [UInt8]

    /// Bytes of all encodings.
    var size: Int { message.count + json.count }

    package init(
        kind: EventKind, time: UInt64, process: ProcessImage?, parent: ProcessImage?, ancestors: Ancestors = .none,
        policyName: String? = nil, subject: String? = nil, message: GRPCNIOTransportBytes, json: [UInt8]
    ) {
        self.kind = kind
        self.time = time
        self.process = process
        self.parent = parent
        self.ancestors = ancestors
        self.policyName = policyName
        self.subject = subject
        self.message = message
        self.json = json
    }

    /// Everybody has been asked. Writer thread only.
    func forgetAncestors() { ancestors = .none }
}

/// The encodings that somebody reads.
package struct EventFormats: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let protobuf = EventFormats(rawValue: 1)
    package static let json = EventFormats(rawValue: 2)
}
