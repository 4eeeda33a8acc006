// SPDX-License-Identifier: Apache-2.0

package import TetragonAPI

/// What runs how often in which container, from events.
package struct TopModel: Sendable {
    /// Executions and ends of processes.
    package struct Counts: Sendable, Equatable {
        package var execs: UInt64 = 0
        package var exits: UInt64 = 0
        /// Executions of what was brought in from outside; they are among `execs`.
        package var injected: UInt64 = 0

        static func += (sum: inout Counts, counts: Counts) {
            sum.execs &+= counts.execs
            sum.exits &+= counts.exits
            sum.injected &+= counts.injected
        }
    }

    /// A container, or the host, or all those that there was no room for.
    package struct Row: Sendable, Equatable {
        package var namespace = ""
        package var pod = ""
        package var container = ""
        /// The container's full id, as far as the agent says it; empty for the host and for `others`.
        package var id = ""
        /// Since the beginning.
        package var total = Counts()
        /// In the interval that has ended last, and the one that goes on.
        package var last = Counts()
        fileprivate var current = Counts()
        /// When its last event came, by the number of the event.
        fileprivate var lastEvent: UInt64 = 0

        /// The figures alone: those who had them are told apart no more.
        fileprivate static let others = Row(container: "(others)")
    }

    /// What is known not to have been seen.
    package struct Losses: Sendable, Equatable {
        /// Events that a rate limit held back.
        package var heldBack: UInt64 = 0
        /// How often events of a cgroup were throttled.
        package var throttles: UInt64 = 0
        /// Ends of processes whose execution never came.
        package var unseenExecs: UInt64 = 0
        /// Events, and records of the kernel's, that never came.
        package var missing: UInt64 = 0
        /// How often the stream was interrupted.
        package var gaps: UInt64 = 0

        package var isEmpty: Bool { self == Losses() }
    }

    private var rows: [String: Row] = [:]
    private var others = Row.others
    private var eventCount: UInt64 = 0
    private var losses = Losses()
    private var node = ""
    private let capacity: Int

    /// - Parameter capacity: How many containers are told apart. Of more, those that were quiet longest go to one row.
    package init(capacity: Int = 4096) {
        self.capacity = max(1, capacity)
    }

    package mutating func add(_ event: Tetragon_GetEventsResponse) {
        eventCount &+= 1
        node = event.nodeName
        switch event.event {
        case .processExec(let exec):
            var counts = Counts()
            counts.execs = 1
            counts.injected = Origin(of: exec.process, node: node).tree == .injected ? 1 : 0
            count(counts, exec.process)
        case .processExit(let exit):
            var counts = Counts()
            counts.exits = 1
            count(counts, exit.process)
            if exit.process.flags.split(separator: " ").contains("unknown") { losses.unseenExecs &+= 1 }
        case .rateLimitInfo(let info):
            losses.heldBack &+= info.numberOfDroppedProcessEvents
        case .loss(let loss):
            for gap in loss.gaps { losses.missing &+= gap.count }
        case .processThrottle(let throttle):
            if throttle.type == .throttleStart { losses.throttles &+= 1 }
        default:
            break
        }
    }

    /// The stream was interrupted: what happened meanwhile is not in the figures.
    package mutating func addGap() { losses.gaps &+= 1 }

    /// Ends the interval and returns how things stand, the busiest container first.
    package mutating func endInterval(after length: Duration) -> TopSnapshot {
        rows = rows.mapValues { $0.withIntervalEnded() }
        others = others.withIntervalEnded()
        var shown = Array(rows.values)
        if others != .others { shown.append(others) }
        return TopSnapshot(node: node, length: length, rows: shown.sorted(by: Self.isBusier), losses: losses)
    }

    private static func isBusier(_ a: Row, _ b: Row) -> Bool {
        if a.last.execs != b.last.execs { return a.last.execs > b.last.execs }
        if a.total.execs != b.total.execs { return a.total.execs > b.total.execs }
        return (a.namespace, a.pod, a.container, a.id) < (b.namespace, b.pod, b.container, b.id)
    }

    private mutating func count(_ counts: Counts, _ process: Tetragon_Process) {
        let id = process.container.id.isEmpty ? process.docker : process.container.id
        if rows[id] == nil {
            if rows.count >= capacity { retireTheQuietest() }
            rows[id] = Row(of: process, id: id, node: node)
        }
        rows[id]?.current += counts
        rows[id]?.total += counts
        rows[id]?.lastEvent = eventCount
    }

    private mutating func retireTheQuietest() {
        guard let quietest = rows.min(by: { $0.value.lastEvent < $1.value.lastEvent }) else { return }
        rows[quietest.key] = nil
        others.total += quietest.value.total
        others.current += quietest.value.current
    }
}

extension TopModel.Row {
    fileprivate init(of process: Tetragon_Process, id: String, node: String) {
        let origin = Origin(of: process, node: node)
        self.init(namespace: origin.namespace, pod: origin.pod, container: origin.container, id: id)
        if origin.tree == .host { container = "(host)" }
    }

    private init(namespace: String, pod: String, container: String, id: String) {
        self.namespace = namespace
        self.pod = pod
        self.container = container
        self.id = id
    }

    fileprivate init(container: String) {
        self.init(namespace: "", pod: "", container: container, id: "")
    }

    fileprivate func withIntervalEnded() -> TopModel.Row {
        var row = self
        row.last = current
        row.current = TopModel.Counts()
        return row
    }
}
