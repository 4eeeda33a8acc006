// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Models
import Server
import SwiftProtobuf
import Synchronization
import Testing
import TetragonAPI

/// GetHealth, and the standard health service.
@Suite struct HealthTests {
    private func report(
        sinceLastRound: Duration = .seconds(1), programs: Int = 7, received: UInt64 = 1000, lost: UInt64 = 0,
        malformed: UInt64 = 0
    ) -> HealthReport {
        HealthReport(
            HealthFacts(
                sinceLastRound: sinceLastRound, attachedPrograms: programs,
                lastMinute: RecordCounts(received: received, lost: lost, malformed: malformed), summary: "2 processes"))
    }

    @Test("an agent that reads all that its sensors send is running")
    func running() {
        #expect(report() == HealthReport(.running, details: "running: 2 processes"))
        // A burst's loss below a hundredth is told in figures, and is no error.
        #expect(report(received: 10_000, lost: 100).status == .running)
    }

    @Test("what is wrong is an error that says what")
    func errors() {
        let stalled = report(sinceLastRound: .seconds(11))
        #expect(stalled.status == .error && !stalled.isAlive)
        #expect(stalled.details == "error: the ring has not been read for 11 s; 2 processes")
        let blind = report(programs: 0)
        #expect(blind.status == .error && !blind.isAlive && blind.details.contains("no sensor is attached"))
        let lossy = report(received: 990, lost: 10)
        #expect(lossy.status == .error && lossy.isAlive && lossy.details.contains("10 records of the last minute"))
        #expect(report(received: 0, lost: 1).status == .error)
        let broken = report(malformed: 1)
        #expect(broken.status == .error && broken.isAlive && broken.details.contains("1 records of the last minute"))
    }

    @Test("the last minute is forgotten after it, whether or not anything is told meanwhile")
    func window() {
        let second: UInt64 = 1_000_000_000
        let start = 1000 * second
        var window = RecordWindow()
        #expect(window.lastMinute(at: start) == RecordCounts())
        window.note(RecordCounts(received: 10, lost: 5), at: start)
        #expect(window.lastMinute(at: start) == RecordCounts(received: 10, lost: 5))
        window.note(RecordCounts(received: 20, lost: 7), at: start + second)
        #expect(window.lastMinute(at: start + second) == RecordCounts(received: 20, lost: 7))
        #expect(window.lastMinute(at: start + 59 * second) == RecordCounts(received: 20, lost: 7))
        #expect(window.lastMinute(at: start + 62 * second) == RecordCounts())
        var counts = RecordCounts(received: 20, lost: 7)
        for at in stride(from: start + 62 * second, to: start + 400 * second, by: Int(second / 4)) {
            counts.received += 1
            window.note(counts, at: at)
        }
        let recent = window.lastMinute(at: start + 400 * second)
        #expect((236...262).contains(recent.received) && recent.lost == 0)
    }

    @Test("before it is ready it is stopped, then what it is, and never undefined")
    func statuses() async throws {
        try await RunningServer.with(ready: false) { server in
            try await server.withClient { client async throws in
                @Sendable func told() async throws -> [Tetragon_HealthStatusResult] {
                    try await client.getHealth(.init()).healthStatus.map(\.status)
                }
                #expect(try await told() == [.healthStatusStopped])
                server.ready.open()
                for (status, expected): (HealthReport.Status, Tetragon_HealthStatusResult) in [
                    (.running, .healthStatusRunning), (.error, .healthStatusError), (.stopped, .healthStatusStopped),
                ] {
                    server.agent.change { $0.health = HealthReport(status, details: "") }
                    #expect(try await told() == [expected] && expected != .healthStatusUndef)
                }
            }
        }
    }

    @Test("event_set narrows what GetHealth tells")
    func eventSet() async throws {
        try await RunningServer.with { server in
            server.agent.change { $0.health = HealthReport(.error, details: "error: x") }
            try await server.withClient { client in
                for (set, count) in [([], 1), ([.status], 1), ([.undef, .status], 1), ([.undef], 0)]
                    as [([Tetragon_HealthStatusType], Int)]
                {
                    let told = try await client.getHealth(.with { $0.eventSet = set }).healthStatus
                    #expect(told.count == count)
                    #expect(told.allSatisfy { $0.status == .healthStatusError && $0.details == "error: x" })
                }
            }
        }
    }

    private typealias Client = Grpc_Health_V1_Health.Client<HTTP2ClientTransport.Posix>

    @Test("Check says how each service is, and NOT_FOUND of others")
    func check() async throws {
        try await RunningServer.with(ready: false) { server in
            try await RunningServer.withConnection(.unixDomainSocket(path: server.mainPath)) {
                connection async throws in
                let client = Client(wrapping: connection)
                @Sendable func status(_ name: String) async throws -> Grpc_Health_V1_HealthCheckResponse.ServingStatus {
                    try await client.check(.with { $0.service = name }).status
                }
                let names = ["", "tetragon.FineGuidanceSensors", "liveness"]
                @Sendable func all() async throws -> [Grpc_Health_V1_HealthCheckResponse.ServingStatus] {
                    [try await status(names[0]), try await status(names[1]), try await status(names[2])]
                }
                #expect(try await all() == [.notServing, .notServing, .serving])
                server.ready.open()
                #expect(try await all() == [.serving, .serving, .serving])
                server.agent.change { $0.health = HealthReport(.error, details: "") }
                #expect(try await all() == [.notServing, .notServing, .serving])
                server.agent.change { $0.health = HealthReport(.error, details: "", isAlive: false) }
                #expect(try await all() == [.notServing, .notServing, .notServing])
                let error = await #expect(throws: RPCError.self) { try await status("other") }
                #expect(error?.code == .notFound)
            }
        }
    }

    private final class Seen: Sendable {
        private let statuses = Mutex<[Grpc_Health_V1_HealthCheckResponse.ServingStatus]>([])
        var all: [Grpc_Health_V1_HealthCheckResponse.ServingStatus] { statuses.withLock { $0 } }
        func add(_ status: Grpc_Health_V1_HealthCheckResponse.ServingStatus) { statuses.withLock { $0.append(status) } }
    }

    @Test("Watch tells each change once, of an unknown service that it is unknown, and ends with the server")
    func watch() async throws {
        let seen = Seen()
        try await RunningServer.with { server in
            try await RunningServer.withConnection(.unixDomainSocket(path: server.mainPath)) { connection in
                let client = Client(wrapping: connection)
                try await client.watch(.with { $0.service = "other" }) { response in
                    for try await message in response.messages {
                        #expect(message.status == .serviceUnknown)
                        return
                    }
                }
                let watching = Task {
                    try await client.watch(.init()) { response in
                        for try await message in response.messages {
                            seen.add(message.status)
                            if seen.all.count == 3 { return }
                        }
                    }
                }
                #expect(try await eventually { seen.all == [.serving] })
                server.agent.change { $0.health = HealthReport(.error, details: "") }
                #expect(try await eventually { seen.all == [.serving, .notServing] })
                server.agent.change { $0.health = HealthReport(.running, details: "") }
                try await watching.value
            }
        }
        #expect(seen.all == [.serving, .notServing, .serving])
    }

    @Test("the address for probes serves health alone, on any address of the host")
    func probes() async throws {
        let port = 47_617
        try await RunningServer.with(configure: { $0.healthAddress = .tcp(host: "0.0.0.0", port: UInt16(port)) }) { _ in
            try await RunningServer.withConnection(.ipv4(address: "127.0.0.1", port: port)) { connection in
                let status = try await Client(wrapping: connection).check(.with { $0.service = "liveness" }).status
                #expect(status == .serving)
                let error = await #expect(throws: RPCError.self) {
                    _ = try await RunningServer.Client(wrapping: connection).getVersion(.init())
                }
                #expect(error?.code == .unimplemented)
            }
        }
    }
}
