// SPDX-License-Identifier: Apache-2.0
import Synchronization
import Testing

@testable import Server

/// Who may stay connected to a socket where everybody may connect.
@Suite struct PeerTableTests {
    /// Connections, and which of them were closed for others.
    private final class Clients: Sendable {
        let table: PeerTable
        private let ended = Mutex<[UInt64]>([])

        init(_ limits: PeerTable.Limits? = .init(connections: 8, ofOthers: 4, ofUser: 2, callsOfUser: 1)) {
            table = PeerTable(limits: limits)
        }

        /// The numbers of those closed, in order.
        var closed: [UInt64] { ended.withLock { $0 } }

        func connect(uid: UInt32) -> ConnectionNumber? {
            let mine = Number()
            let number = table.admit(PeerCredentials(pid: 1, uid: uid, gid: uid, process: nil)) { [self] in
                ended.withLock { $0.append(mine.value.load(ordering: .relaxed)) }
            }.number
            mine.value.store(number?.value ?? 0, ordering: .relaxed)
            return number
        }

        private final class Number: Sendable {
            let value = Atomic<UInt64>(0)
        }
    }

    @Test func oneUserHasFewConnectionsAndLosesItsOldest() throws {
        let clients = Clients()
        let numbers = (0..<4).map { _ in clients.connect(uid: 1000)?.value }
        #expect(clients.closed == numbers.prefix(2).compactMap(\.self))
        #expect(clients.table.count == 2)
    }

    @Test func allUsersTogetherLeaveRootItsRoom() {
        let clients = Clients()
        for uid: UInt32 in 1000..<1100 { #expect(clients.connect(uid: uid) != nil) }
        #expect(clients.table.count == 4 && clients.closed.count == 96)
        for _ in 0..<4 { #expect(clients.connect(uid: 0) != nil) }
        #expect(clients.table.count == 8 && clients.closed.count == 96)
    }

    @Test func rootTakesOthersPlacesBeforeItsOwn() throws {
        let clients = Clients()
        let others = (0..<4).map { clients.connect(uid: 1000 + $0)?.value }.compactMap(\.self)
        let first = try #require(clients.connect(uid: 0)).value
        for _ in 0..<7 { #expect(clients.connect(uid: 0) != nil) }
        #expect(clients.closed == others)
        #expect(clients.connect(uid: 0) != nil)
        #expect(clients.closed == others + [first])
        // Nobody else pushes root out.
        #expect(clients.connect(uid: 1000) == nil)
        #expect(clients.closed == others + [first] && clients.table.count == 8)
    }

    @Test func rootTakesOthersPlacesHoweverNewTheyAre() throws {
        let clients = Clients()
        for _ in 0..<4 { #expect(clients.connect(uid: 0) != nil) }
        let others = (0..<4).map { clients.connect(uid: 1000 + $0)?.value }.compactMap(\.self)
        #expect(clients.connect(uid: 0) != nil)
        #expect(clients.closed == Array(others.prefix(1)) && clients.table.count == 8)
    }

    @Test func whoIsBeingAnsweredStays() throws {
        let clients = Clients()
        let calling = try #require(clients.connect(uid: 1000))
        #expect(clients.table.beginCall(calling))
        let idle = try #require(clients.connect(uid: 1000))
        #expect(clients.connect(uid: 1000) != nil)
        #expect(clients.closed == [idle.value])
        clients.table.endCall(calling)
        #expect(clients.connect(uid: 1000) != nil)
        #expect(clients.closed == [idle.value, calling.value])
    }

    @Test func whereAllAreBeingAnsweredTheNewOneIsRefused() throws {
        let clients = Clients(.init(connections: 8, ofOthers: 4, ofUser: 2, callsOfUser: 2))
        for _ in 0..<2 { #expect(clients.table.beginCall(try #require(clients.connect(uid: 1000)))) }
        #expect(clients.connect(uid: 1000) == nil)
        #expect(clients.closed.isEmpty && clients.table.count == 2)
        #expect(clients.connect(uid: 1001) != nil)
    }

    @Test func oneUserHasFewCallsUnderWayAndRootHasNoBound() throws {
        let clients = Clients()
        let user = [try #require(clients.connect(uid: 1000)), try #require(clients.connect(uid: 1000))]
        #expect(clients.table.beginCall(user[0]))
        #expect(!clients.table.beginCall(user[1]))
        #expect(clients.table.beginCall(try #require(clients.connect(uid: 1001))))
        clients.table.endCall(user[0])
        #expect(clients.table.beginCall(user[1]))
        for _ in 0..<4 { #expect(clients.table.beginCall(try #require(clients.connect(uid: 0)))) }
    }

    @Test func whoHasGoneIsForgotten() throws {
        let clients = Clients()
        let number = try #require(clients.connect(uid: 1000))
        #expect(clients.table.peer(number)?.uid == 1000)
        clients.table.leave(number)
        #expect(clients.table.peer(number) == nil && clients.table.count == 0)
        #expect(!clients.table.beginCall(number))
    }

    @Test func withoutLimitsEverybodyStays() {
        let clients = Clients(nil)
        for _ in 0..<1000 { #expect(clients.connect(uid: 1000) != nil) }
        #expect(clients.table.count == 1000 && clients.closed.isEmpty)
    }
}
