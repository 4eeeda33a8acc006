// SPDX-License-Identifier: Apache-2.0
internal import Events
internal import Synchronization

/// The subscriptions of all GetEvents calls under way, so that the server can end them when it goes.
final class OpenStreams: Sendable {
    private let state = Mutex(State())

    /// Bytes that the transport may be handed in one go, by each stream and by all. It copies them: what makes one client
    /// quick must not be gigabytes for a thousand that are behind.
    private static let bytesOfOne = (least: 64 << 10, most: 512 << 10)
    private static let bytesOfAll = 64 << 20

    /// What each stream may hand over in one go, with as many as there are now.
    var batchBytes: Int {
        let count = max(state.withLock { $0.leases.count }, 1)
        return max(Self.bytesOfOne.least, min(Self.bytesOfOne.most, Self.bytesOfAll / count))
    }

    private struct State {
        var closed = false
        var leases: [ObjectIdentifier: Subscription] = [:]
    }

    /// Keeps a subscription until the lease is dropped: the transport may let go of a response without ever running it,
    /// and a subscription that nobody reads would fill its queue for good.
    /// - Parameter onEnd: called once, when the lease is dropped.
    func lease(_ subscription: Subscription, onEnd: @escaping @Sendable () -> Void = {}) -> Lease {
        let closed = state.withLock { state in
            if !state.closed { state.leases[ObjectIdentifier(subscription)] = subscription }
            return state.closed
        }
        if closed { subscription.close() }
        return Lease(subscription, of: self, onEnd: onEnd)
    }

    /// Ends every stream, now and later.
    func close() {
        let subscriptions = state.withLock { state in
            state.closed = true
            return Array(state.leases.values)
        }
        // What waits is still sent; the account is closed when the lease is dropped.
        for subscription in subscriptions { subscription.end() }
    }

    private func end(_ subscription: Subscription) {
        _ = state.withLock { $0.leases.removeValue(forKey: ObjectIdentifier(subscription)) }
        subscription.close()
    }

    final class Lease: Sendable {
        let subscription: Subscription
        private let streams: OpenStreams
        private let onEnd: @Sendable () -> Void

        fileprivate init(
            _ subscription: Subscription, of streams: OpenStreams, onEnd: @escaping @Sendable () -> Void
        ) {
            self.subscription = subscription
            self.streams = streams
            self.onEnd = onEnd
        }

        deinit {
            streams.end(subscription)
            onEnd()
        }
    }
}
