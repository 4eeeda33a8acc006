// SPDX-License-Identifier: Apache-2.0
internal import DequeModule
internal import Processes
internal import Synchronization

/// A bounded queue between the writer thread and one reader.
///
/// The writer never waits: what finds no room is this subscriber's loss alone, and is counted.
package final class Subscription: Sendable {
    /// What the subscriber reads, for the operator: "grpc unix:…", "export /var/log/…".
    package let name: String
    package let format: EventFormats
    /// At most this many events wait,
    package let capacity: Int
    /// and at most about this many encoded bytes: one event can have 256 KiB of arguments.
    package static let byteCapacity = 64 << 20

    /// For so long after a batch the next one is left to grow, unless it has become large: waking a reader costs more
    /// than the events do. The hub keeps the time (``EventHub/deliver(everything:)``), which spares a timer each.
    private let linger: Int64
    /// Worth to be handed over at once.
    private static let largeBatch = 64

    /// Of events that tell the reader what it has lost; nil for one that does not ask.
    private let lossEncoder: EventEncoder?
    /// Kinds that are told only to those who ask for them.
    private let notices: Set<EventKind>
    private let accepts: (@Sendable (Event) -> Bool)?
    private let onClose: @Sendable (Subscription) -> Void
    private let state: Mutex<State>

    /// How much a reader takes at a time.
    private struct Batch {
        var count = 0
        var bytes = 0
    }

    private struct State {
        var queue = Deque<Event>()
        var bytes = 0
        var reader: CheckedContinuation<[Event]?, Never>?
        var batch = Batch()
        var offered: UInt64 = 0
        var filtered: UInt64 = 0
        var lost: UInt64 = 0
        /// What the reader has not been told to be missing.
        var untold = Loss()
        var delivered: UInt64 = 0
        /// What its reader left in the queue.
        var leftBehind: UInt64 = 0
        /// Of those in the queue, the ones that tell of losses.
        var lossesInQueue = 0
        var outcome = Outcome()
        var closed = false
        /// When the last batch was taken, ns of CLOCK_BOOTTIME.
        var takenAt: UInt64 = 0
        /// Nothing more is about to come: what waits has waited long enough.
        var isDue = false
        /// The reader has something else to do.
        var isCalled = false

        mutating func take(_ wanted: Batch, _ now: UInt64) -> [Event] {
            takenAt = now
            var batch: [Event] = []
            batch.reserveCapacity(min(wanted.count, queue.count))
            var size = 0
            while batch.count < wanted.count, let event = queue.first,
                batch.isEmpty || size + event.size <= wanted.bytes
            {
                batch.append(queue.removeFirst())
                size += event.size
            }
            bytes -= size
            let losses = lossesInQueue == 0 ? 0 : batch.count { $0.kind == .loss }
            lossesInQueue -= losses
            delivered += UInt64(batch.count - losses)
            return batch
        }

        /// Events in the queue, or left in it.
        var waiting: UInt64 { UInt64(queue.count - lossesInQueue) + leftBehind }

        /// Nobody will read what waits.
        mutating func abandon() {
            leftBehind = waiting
            queue = []
            lossesInQueue = 0
            bytes = 0
        }
    }

    init(
        name: String, format: EventFormats, capacity: Int, linger: Duration, lossEncoder: EventEncoder?,
        notices: Set<EventKind>, accepts: (@Sendable (Event) -> Bool)?,
        onClose: @escaping @Sendable (Subscription) -> Void
    ) {
        self.name = name
        self.format = format
        self.capacity = capacity
        self.linger = linger.nanoseconds
        self.lossEncoder = lossEncoder
        self.notices = notices
        self.accepts = accepts
        self.onClose = onClose
        self.state = Mutex(State())
    }

    /// Events that found the queue full.
    package var lost: UInt64 { state.withLock { $0.lost } }
    /// Events handed to the reader.
    package var delivered: UInt64 { state.withLock { $0.delivered } }

    /// Everything that it was offered, and what became of that, at one moment.
    var account: EventHub.Account {
        state.withLock { state in
            EventHub.Account(
                name: name, offered: state.offered, filtered: state.filtered, delivered: state.delivered,
                lost: state.lost, waiting: state.waiting, outcome: state.outcome)
        }
    }

    /// Called by a reader that passes events on, before it closes the subscription.
    package func add(_ outcome: Outcome) { state.withLock { $0.outcome += outcome } }

    /// The next events in order, at least one, or none where the reader was called (``call()``); nil when the subscription
    /// is closed and drained. One reader at a time.
    /// - Parameter bytes: of encoded events in all, unless one alone has more.
    package func next(upTo count: Int, bytes: Int = .max) async -> [Event]? {
        await withCheckedContinuation { continuation in
            let now = WallClock.bootNanoseconds
            let ready: [Event]?? = state.withLock { state in
                let batch = Batch(count: count, bytes: bytes)
                if isDue(state, now) { return .some(state.take(batch, now)) }
                if state.closed { return .some(nil) }
                if state.isCalled {
                    state.isCalled = false
                    return .some([])
                }
                precondition(state.reader == nil, "a subscription has one reader")
                state.reader = continuation
                state.batch = batch
                return nil
            }
            if let ready { continuation.resume(returning: ready) }
        }
    }

    /// The same, and no events at the deadline if none came before it.
    /// - Parameter deadline: ns of CLOCK_BOOTTIME.
    package func next(upTo count: Int, bytes: Int = .max, until deadline: UInt64?) async -> [Event]? {
        guard let deadline else { return await next(upTo: count, bytes: bytes) }
        let now = WallClock.bootNanoseconds
        let timer = Task {
            try await Task.sleep(for: .nanoseconds(deadline > now ? Int64(clamping: deadline - now) : 0))
            call()
        }
        defer { timer.cancel() }
        return await next(upTo: count, bytes: bytes)
    }

    /// Has the reader come back, with events or without, now or when it next would wait.
    func call() {
        let reader = state.withLock { state -> CheckedContinuation<[Event]?, Never>? in
            guard !state.closed else { return nil }
            guard let reader = state.reader else {
                state.isCalled = true
                return nil
            }
            state.reader = nil
            return reader
        }
        reader?.resume(returning: [])
    }

    private func add(_ event: Event, to state: inout State) {
        guard hasRoom(state) else {
            state.lost += 1
            if lossEncoder != nil { state.untold.add(.init(.slowClient, count: 1)) }
            return
        }
        tellLoss(&state)
        state.queue.append(event)
        state.bytes += event.size
    }

    private func hasRoom(_ state: State) -> Bool { state.queue.count < capacity && state.bytes < Self.byteCapacity }

    /// At the place where events are missing: behind those that waited when there was no room.
    private func tellLoss(_ state: inout State) {
        guard let lossEncoder, !state.untold.isEmpty else { return }
        state.lossesInQueue += 1
        let event = lossEncoder.encode(state.untold, time: WallClock().wall(WallClock.bootNanoseconds))
        state.queue.append(event)
        state.bytes += event.size
        state.untold = Loss()
    }

    /// Called by the hub, on the writer thread: events that never came to be. Told with the next event, or when the hub
    /// delivers.
    func miss(_ loss: Loss) {
        guard lossEncoder != nil else { return }
        state.withLock { state in for gap in loss.gaps { state.untold.add(gap) } }
    }

    /// Whether something waits that need not wait longer.
    private func isDue(_ state: State, _ now: UInt64) -> Bool {
        !state.queue.isEmpty
            && (state.isDue || state.closed || state.queue.count >= min(Self.largeBatch, capacity)
                || Int64(bitPattern: now &- state.takenAt) >= linger)
    }

    /// The reader leaves: nothing more arrives, what waits is nobody's any more, and its account is closed.
    package func close() {
        end()
        state.withLock { $0.abandon() }
        onClose(self)
    }

    /// What waits is still read, and behind it what is missing; nothing more arrives.
    package func end() {
        let now = WallClock.bootNanoseconds
        let wake: (CheckedContinuation<[Event]?, Never>, [Event]?)? = state.withLock { state in
            guard !state.closed else { return nil }
            state.closed = true
            // One more than the queue may hold, and the last.
            tellLoss(&state)
            guard let reader = state.reader else { return nil }
            state.reader = nil
            return (reader, state.queue.isEmpty ? nil : state.take(state.batch, now))
        }
        if let (reader, batch) = wake { reader.resume(returning: batch) }
    }

    /// Called by the hub, on the writer thread. Wakes the reader if it waits and something is due.
    /// - Parameter isLast: nothing more is about to come.
    func offer(_ events: [Event], now: UInt64, isLast: Bool) {
        // Nobody who asks how things stand waits for a filter.
        let wanted = accepts.map { events.filter($0) } ?? events
        take(wanted, of: events.count, now: now, isLast: isLast)
    }

    /// Called by the hub, on the writer thread: what only those are told who ask for it.
    func tell(_ notice: Event, now: UInt64) {
        guard notices.contains(notice.kind), accepts?(notice) ?? true else { return }
        take([notice], of: 1, now: now, isLast: true)
    }

    private func take(_ wanted: [Event], of offered: Int, now: UInt64, isLast: Bool) {
        let wake: (CheckedContinuation<[Event]?, Never>, [Event])? = state.withLock { state in
            guard !state.closed else { return nil }
            state.offered += UInt64(offered)
            state.filtered += UInt64(offered - wanted.count)
            for event in wanted { add(event, to: &state) }
            // Nothing more comes for now: what is missing is told without.
            if isLast, hasRoom(state) { tellLoss(&state) }
            state.isDue = isLast
            guard let reader = state.reader, isDue(state, now) else { return nil }
            state.reader = nil
            return (reader, state.take(state.batch, now))
        }
        if let (reader, batch) = wake { reader.resume(returning: batch) }
    }
}

extension Duration {
    /// 292 years at most.
    var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
