// SPDX-License-Identifier: Apache-2.0
import Events
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Server
import Testing
import TetragonAPI

@Suite struct LedgerTests {
    private func ask(_ server: RunningServer, at path: String? = nil) async throws -> Apus_V1_GetLedgerResponse {
        try await RunningServer.withConnection(.unixDomainSocket(path: path ?? server.mainPath)) { client in
            try await Apus_V1_Node.Client(wrapping: client).getLedger(.init())
        }
    }

    @Test func `the ledger is told as it is`() async throws {
        try await RunningServer.with { server in
            var ledger = Ledger()
            ledger.cpus = [.init(number: 1, attempted: 9, received: 5, lost: 3)]
            ledger.missed = 4
            ledger.records.exec = 3
            ledger.records.exit = 2
            ledger.events.exec = 4
            ledger.events.exit = 1
            ledger.events.found = 2
            ledger.events.repeatedExit = 1
            ledger.events.waiting = 1
            (ledger.records.policy, ledger.records.policyData) = (20, 21)
            (ledger.events.policy, ledger.events.joined, ledger.events.unwanted) = (10, 11, 12)
            (ledger.events.unknownPolicy, ledger.events.throttled, ledger.events.unreturned) = (13, 14, 15)
            (ledger.events.throttle, ledger.events.loader) = (16, 17)
            ledger.accounts = ["grpc pid 7 uid 0", "departed"].map { EventHub.Account(name: $0) }
            ledger.accounts[0].offered = 9
            ledger.accounts[0].filtered = 1
            ledger.accounts[0].delivered = 5
            ledger.accounts[0].lost = 2
            ledger.accounts[0].waiting = 1
            ledger.accounts[1].delivered = 3
            server.agent.change { [ledger] in $0.ledger = ledger }
            let told = try await ask(server)
            #expect(told.cpus.map(\.cpu) == [1] && told.cpus.map(\.attempted) == [9])
            #expect(told.cpus.map(\.received) == [5] && told.cpus.map(\.lost) == [3] && told.cpus.map(\.unread) == [1])
            #expect(told.missed == 4 && told.records.exec == 3 && told.records.exit == 2)
            #expect(told.events.exec == 4 && told.events.exit == 1 && told.events.found == 2)
            #expect(told.events.repeatedExit == 1 && told.events.waiting == 1)
            #expect(told.records.policy == 20 && told.records.policyData == 21)
            #expect(told.events.policy == 10 && told.events.joined == 11 && told.events.unwanted == 12)
            #expect(told.events.unknownPolicy == 13 && told.events.throttled == 14 && told.events.unreturned == 15)
            #expect(told.events.throttle == 16 && told.events.loader == 17)
            #expect(told.subscribers.map(\.name) == ["grpc pid 7 uid 0"] && told.departed.delivered == 3)
            let account = told.subscribers[0]
            #expect(account.offered == 9 && account.filtered == 1 && account.delivered == 5)
            #expect(account.lost == 2 && account.waiting == 1)
        }
    }

    @Test func `an agent that has none says that it is not available`() async throws {
        try await RunningServer.with { server in
            let error = await #expect(throws: RPCError.self) { _ = try await ask(server) }
            #expect(error?.code == .unavailable)
            let stranger = await #expect(throws: RPCError.self) { _ = try await ask(server, at: server.hookPath) }
            #expect(stranger?.code == .unimplemented)
        }
    }
}
