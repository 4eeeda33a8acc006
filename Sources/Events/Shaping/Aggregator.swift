// SPDX-License-Identifier: Apache-2.0
internal import Containers
internal import DequeModule
internal import Models
internal import Processes

/// Makes one event of those that tell of the same within a window of time.
///
/// The first of them waits until the window that it has opened is over, and then goes on for all. What does not
/// aggregate goes on at once, in order; so do what waited among each other, in the order of the first ones. An event of
/// a kind that waits may thus come behind later ones of other kinds, for as long as a window lasts.
///
/// It has no clock and no thread: whoever has both says when it is.
package struct Aggregator: Sendable {
    package struct Limits: Sendable {
        /// So many different events may wait,
        package var waiting = 4096
        /// with so many encoded bytes. When there is no room for another one it goes on as it is, like all of its kind
        /// until there is: nothing is lost.
        package var bytes = 8 << 20

        package init() {}
    }

    /// An event, and how many it stands for, itself included.
    package struct Aggregate: Sendable {
        package let event: Event
        package fileprivate(set) var count: UInt64 = 1
    }

    private struct Waiting {
        var aggregate: Aggregate
        let until: UInt64
    }

    /// ns.
    private let window: UInt64
    /// Exec and exit events as well.
    private let aggregatesProcesses: Bool
    private let limits: Limits

    private var waiting: [EventIdentity: Waiting] = [:]
    /// The windows are of one length: the first to begin is the first to end.
    private var order = Deque<EventIdentity>()
    private var bytes = 0

    /// - Parameter window: positive.
    package init(window: Duration, aggregatesProcesses: Bool, limits: Limits = Limits()) {
        self.window = UInt64(clamping: window.nanoseconds)
        self.aggregatesProcesses = aggregatesProcesses
        self.limits = limits
    }

    /// When the next window is over, on the clock of `now`; nil while nothing waits.
    package var nextDue: UInt64? { order.first.flatMap { waiting[$0]?.until } }

    /// What is to go on by now: those whose window is over, then those of the new ones that do not wait.
    /// - Parameter now: ns of a clock that does not go back.
    package mutating func pass(_ events: [Event], now: UInt64) -> [Aggregate] {
        var passed: [Aggregate] = []
        while let due = nextDue, due <= now { takeFirst(into: &passed) }
        for event in events where !keeps(event, now) { passed.append(Aggregate(event: event)) }
        return passed
    }

    /// Whatever waits, when nothing more comes.
    package mutating func finish() -> [Aggregate] {
        var passed: [Aggregate] = []
        while !order.isEmpty { takeFirst(into: &passed) }
        return passed
    }

    private mutating func keeps(_ event: Event, _ now: UInt64) -> Bool {
        guard let identity = EventIdentity(event, aggregatesProcesses: aggregatesProcesses) else { return false }
        if waiting[identity] != nil {
            waiting[identity]?.aggregate.count += 1
            return true
        }
        guard order.count < limits.waiting, bytes + event.size <= limits.bytes else { return false }
        let (until, isNever) = now.addingReportingOverflow(window)
        waiting[identity] = Waiting(aggregate: Aggregate(event: event), until: isNever ? .max : until)
        order.append(identity)
        bytes += event.size
        return true
    }

    private mutating func takeFirst(into passed: inout [Aggregate]) {
        guard let identity = order.popFirst(), let first = waiting.removeValue(forKey: identity) else { return }
        bytes -= first.aggregate.event.size
        passed.append(first.aggregate)
    }
}

/// What events have in common that are one when aggregated.
private enum EventIdentity: Hashable {
    /// The same process was seen at the same place, or the same cgroup throttled.
    case hook(EventKind, execID: String?, policy: String?, subject: String?)
    /// The same program of the same container began, or ended. `container` is nil for the host.
    case program(EventKind, binary: String, uid: UInt32, container: String?, origin: ExecOrigin.Kind)

    /// Nil for an event that stays by itself.
    init?(_ event: Event, aggregatesProcesses: Bool) {
        switch event.kind {
        case .processKprobe, .processTracepoint, .processUprobe, .processUsdt, .processLsm:
            guard let process = event.process else { return nil }
            self = .hook(
                event.kind, execID: process.execID, policy: event.policyName, subject: event.subject)
        case .processThrottle:
            self = .hook(event.kind, execID: event.process?.execID, policy: event.policyName, subject: event.subject)
        case .processExec, .processExit:
            guard aggregatesProcesses, let process = event.process else { return nil }
            // Two of which nobody knows whose they are need not be one container's.
            if process.container == nil, process.origin.kind != .host { return nil }
            self = .program(
                event.kind, binary: process.binary, uid: process.uid, container: process.container?.identity.id.text,
                origin: process.origin.kind)
        case .processLoader, .test, .rateLimitInfo, .loss:
            return nil
        }
    }
}
