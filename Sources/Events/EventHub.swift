// SPDX-License-Identifier: Apache-2.0
internal import Processes
internal import Synchronization

/// Hands each event to every subscriber.
package final class EventHub: Sendable {
    private let state = Mutex(State())

    private struct State {
        var subscriptions: [Subscription] = []
        /// Of those who have left, so that the sums never go back.
        var departed = Account(name: "departed")
        var closed = false
        /// What the writer thread is to tell, so that all see it in one place.
        var notices: [Event] = []
    }

    /// What became of the events that a subscriber was offered:
    /// `offered == filtered + delivered + lost + waiting`.
    package struct Account: Sendable, Equatable {
        package var name: String
        /// Published since it subscribed.
        package var offered: UInt64 = 0
        /// Not what it asks for.
        package var filtered: UInt64 = 0
        package var delivered: UInt64 = 0
        /// It was too slow for them.
        package var lost: UInt64 = 0
        /// In its queue; of one who has left, what it left there.
        package var waiting: UInt64 = 0
        /// Of those delivered; empty for a subscriber that is the last to have them.
        package var outcome = Outcome()

        package static func += (sum: inout Account, more: Account) {
            sum.offered += more.offered
            sum.filtered += more.filtered
            sum.delivered += more.delivered
            sum.lost += more.lost
            sum.waiting += more.waiting
            sum.outcome += more.outcome
        }
    }

    private let encoder: EventEncoder

    /// - Parameter encoder: of what the hub itself tells: that events are missing.
    package init(encoder: EventEncoder = EventEncoder(node: "", cluster: "")) { self.encoder = encoder }

    /// From the return of this call on, the subscriber sees every published event that `accepts` lets through.
    /// - Parameters:
    ///   - linger: for so long after a batch the next one may wait to grow.
    ///   - tellsLoss: whether it is told what is missing, in events among the others.
    ///   - notices: the kinds of what is told by ``tell(_:)`` that it asks for.
    package func subscribe(
        name: String, format: EventFormats, capacity: Int, linger: Duration = .zero, tellsLoss: Bool = false,
        notices: Set<EventKind> = [], accepts: (@Sendable (Event) -> Bool)? = nil
    ) -> Subscription {
        let subscription = Subscription(
            name: name, format: format, capacity: capacity, linger: linger, lossEncoder: tellsLoss ? encoder : nil,
            notices: notices, accepts: accepts
        ) { [weak self] in self?.remove($0) }
        let closed = state.withLock { state in
            state.subscriptions.append(subscription)
            return state.closed
        }
        if closed { subscription.close() }
        return subscription
    }

    /// Hands a batch to the subscribers of this moment. Called by the writer thread alone, so that all see one order.
    ///
    /// - Parameter encode: makes the events in the encodings that these subscribers read; not called when there are
    ///   none. Who subscribes later could not have expected what had happened by now.
    package func publish(_ encode: (EventFormats) -> [Event]) {
        let subscriptions = current()
        guard !subscriptions.isEmpty else { return }
        let events = encode(subscriptions.reduce(into: EventFormats()) { $0.formUnion($1.format) })
        let now = WallClock.bootNanoseconds
        for subscription in subscriptions { subscription.offer(events, now: now, isLast: false) }
        for event in events { event.forgetAncestors() }
    }

    /// Tells those who ask for its kind, with the next events or within a second. To be called by anybody, once a minute or
    /// so.
    /// - Parameter notice: in both encodings.
    package func tell(_ notice: Event) {
        state.withLock { $0.notices.append(notice) }
    }

    /// Those who listen now, told of what there is to tell. Writer thread only.
    private func current() -> [Subscription] {
        let (subscriptions, notices) = state.withLock { state in
            defer { state.notices = [] }
            return (state.subscriptions, state.notices)
        }
        if !notices.isEmpty {
            let now = WallClock.bootNanoseconds
            for notice in notices { for subscription in subscriptions { subscription.tell(notice, now: now) } }
        }
        return subscriptions
    }

    /// Events that nobody will see. Called by the writer thread alone.
    package func publish(_ loss: Loss) {
        let subscriptions = state.withLock { $0.subscriptions }
        for subscription in subscriptions { subscription.miss(loss) }
    }

    /// Wakes readers whose events have waited long enough. To be called by the writer thread after each round that
    /// publishes nothing, as long as events may wait.
    /// - Parameter everything: nothing more is about to come, so all have.
    package func deliver(everything: Bool) {
        let subscriptions = current()
        let now = WallClock.bootNanoseconds
        for subscription in subscriptions { subscription.offer([], now: now, isLast: everything) }
    }

    /// Ends every subscription, now and later: the agent is going. Their accounts stay until their readers leave.
    package func close() {
        let subscriptions = state.withLock { state in
            state.closed = true
            return state.subscriptions
        }
        for subscription in subscriptions { subscription.end() }
    }

    /// Each subscriber of this moment, and all who have left as one ("departed").
    package var accounts: [Account] {
        let (subscriptions, departed) = state.withLock { ($0.subscriptions, $0.departed) }
        return subscriptions.map(\.account) + [departed]
    }

    private func remove(_ subscription: Subscription) {
        state.withLock { state in
            guard let index = state.subscriptions.firstIndex(where: { $0 === subscription }) else { return }
            state.subscriptions.remove(at: index)
            state.departed += subscription.account
        }
    }
}

extension EventHub.Account {
    /// Of a subscriber that has been offered nothing yet.
    package init(name: String) { self.init(name: name, offered: 0) }
}
