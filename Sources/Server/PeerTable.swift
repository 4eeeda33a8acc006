// SPDX-License-Identifier: Apache-2.0
internal import Synchronization

/// Who is connected to a unix socket, within bounds where everybody may connect.
///
/// The bounds protect root's hooks from everybody else, and everybody else's from each other: a user can hold few
/// connections, all users but root together half of them, and whoever comes when there is no room takes the place of
/// the oldest connection that is not being answered. So holding connections keeps nobody out.
final class PeerTable: Sendable {
    struct Limits: Sendable {
        /// Connections of everybody.
        var connections = 256
        /// Of all users but root.
        var ofOthers = 128
        /// Of one user who is not root.
        var ofUser = 16
        /// Calls under way of one user who is not root.
        var callsOfUser = 4
        /// From its beginning to its end, whatever it does: a hook calls once and goes.
        var lifetime: Duration? = .seconds(10)

        /// For clients of the group's socket, who stay.
        static let readers = Limits(connections: 256, ofOthers: 192, ofUser: 32, callsOfUser: 16, lifetime: nil)
        /// For TCP, where all are one stranger until they have shown a certificate.
        static let strangers = Limits(
            connections: 512, ofOthers: 512, ofUser: 512, callsOfUser: 448, lifetime: nil)
        /// For probes.
        static let probes = Limits(connections: 64, ofOthers: 48, ofUser: 32, callsOfUser: 0, lifetime: nil)
    }

    private struct Entry {
        let number: ConnectionNumber
        let peer: PeerCredentials
        let close: @Sendable () -> Void
        var calls = 0
    }

    private struct State {
        var next: UInt64 = 1
        /// Oldest first.
        var entries: [Entry] = []

        func count(where predicate: (Entry) -> Bool) -> Int {
            entries.reduce(0) { $0 + (predicate($1) ? 1 : 0) }
        }
    }

    let limits: Limits?
    private let state = Mutex(State())

    /// - Parameter limits: nil where only root may connect.
    init(limits: Limits? = nil) { self.limits = limits }

    var count: Int { state.withLock { $0.entries.count } }

    /// Takes a connection in. One that has to go for it is closed.
    /// - Returns: its number, or nil if there is no room and nobody can go; and whose connection was closed.
    func admit(
        _ peer: PeerCredentials, close: @escaping @Sendable () -> Void
    ) -> (number: ConnectionNumber?, evicted: PeerCredentials?) {
        let (number, evicted) = state.withLock { state -> (ConnectionNumber?, Entry?) in
            var evicted: Entry?
            if let isCandidate = crowd(of: peer.uid, state) {
                guard let oldest = state.entries.firstIndex(where: { isCandidate($0) && $0.calls == 0 }) else {
                    return (nil, nil)
                }
                evicted = state.entries.remove(at: oldest)
            }
            let number = ConnectionNumber(value: state.next)
            state.next += 1
            state.entries.append(Entry(number: number, peer: peer, close: close))
            return (number, evicted)
        }
        evicted?.close()
        return (number, evicted?.peer)
    }

    /// Whose connections are too many for one more of this user; nil if there is room.
    private func crowd(of uid: UInt32, _ state: State) -> ((Entry) -> Bool)? {
        guard let limits else { return nil }
        if uid != 0 {
            if state.count(where: { $0.peer.uid == uid }) >= limits.ofUser { return { $0.peer.uid == uid } }
            if state.count(where: { $0.peer.uid != 0 }) >= limits.ofOthers { return { $0.peer.uid != 0 } }
        }
        guard state.entries.count >= limits.connections else { return nil }
        // Root is there in numbers: others do not push it out, and give way to it as long as there are any.
        let othersAreThere = state.entries.contains { $0.peer.uid != 0 }
        return uid != 0 || othersAreThere ? { $0.peer.uid != 0 } : { _ in true }
    }

    func leave(_ number: ConnectionNumber) {
        state.withLock { state in state.entries.removeAll { $0.number == number } }
    }

    func peer(_ number: ConnectionNumber) -> PeerCredentials? {
        state.withLock { state in state.entries.first { $0.number == number }?.peer }
    }

    /// A whole request has come by this connection, which is not closed for others until ``endCall(_:)``.
    /// - Returns: false if its user has as many calls under way as it may.
    func beginCall(_ number: ConnectionNumber) -> Bool {
        state.withLock { state in
            guard let index = state.entries.firstIndex(where: { $0.number == number }) else { return false }
            let uid = state.entries[index].peer.uid
            let calls = state.entries.reduce(0) { $0 + ($1.peer.uid == uid ? $1.calls : 0) }
            if let limits, uid != 0, calls >= limits.callsOfUser { return false }
            state.entries[index].calls += 1
            return true
        }
    }

    func endCall(_ number: ConnectionNumber) {
        state.withLock { state in
            guard let index = state.entries.firstIndex(where: { $0.number == number }) else { return }
            state.entries[index].calls -= 1
        }
    }
}
