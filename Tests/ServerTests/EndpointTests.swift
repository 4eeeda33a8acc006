// SPDX-License-Identifier: Apache-2.0
import Containers
import Events
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Logging
import Models
import Server
import ServiceLifecycle
import SwiftProtobuf
import Testing
import TetragonAPI

@Suite struct EndpointTests {
    private func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test func versionAndHealthAreAnswered() async throws {
        try await RunningServer.with(ready: false) { server in
            try await server.withClient { client in
                let version = try await client.getVersion(.init()).version
                #expect(version == Version.current)
                let early = try await client.getHealth(.init()).healthStatus
                #expect(early.map(\.status) == [.healthStatusStopped])
                server.ready.open()
                let status = try await client.getHealth(.init()).healthStatus
                #expect(status.map(\.status) == [.healthStatusRunning])
                #expect(status.map(\.event) == [.status])
                #expect(status.map(\.details) == ["running"])
            }
        }
    }

    @Test func infoIsFeaturesAndOptions() async throws {
        try await RunningServer.with(ready: false) { server in
            let info = try await server.withClient { try await $0.getInfo(.init()) }
            #expect(info.name == "apus" && info.version == Version.current && !info.hasBuild)
            #expect(info.probes.map(\.name) == ["btf", "kprobe"])
            #expect(info.probes.map(\.enabled.value) == [true, false])
            #expect(info.probes.map(\.reason) == ["", "no such file"])
            #expect(info.probes.map(\.without) == ["nothing", "no policies"])
            #expect(info.conf.map(\.key) == ["rb-size"])
            #expect(try info.conf.map { try Google_Protobuf_StringValue(unpackingAny: $0.value).value } == ["8M"])
        }
    }

    @Test func hookIsKnownByItsPidAndUser() async throws {
        try await RunningServer.with { server in
            let request = Tetragon_RuntimeHookRequest.with { $0.createContainer.containerID = "c1" }
            for path in [server.hookPath, server.mainPath] {
                _ = try await server.withClient(path) { try await $0.runtimeHook(request) }
            }
            #expect(server.registered.all.map(\.container.containerID) == ["c1", "c1"])
            #expect(server.registered.all.allSatisfy { $0.peer.pid == UInt32(getpid()) && $0.peer.uid == getuid() })
            #expect(server.registered.all.allSatisfy { $0.peer.gid == getgid() })
            #expect(server.registered.all.allSatisfy { $0.peer.process?.isRunning == true })
            #expect(server.registered.refused.isEmpty)
        }
    }

    @Test(arguments: [
        (RegistrationError.Code.invalid, RPCError.Code.invalidArgument), (.denied, .permissionDenied),
        (.unavailable, .unavailable), (.busy, .resourceExhausted), (.failed, .internalError),
    ])
    func refusedRegistrationTellsTheHookWhy(_ code: RegistrationError.Code, _ expected: RPCError.Code) async throws {
        try await RunningServer.with { server in
            server.registered.fail(with: RegistrationError(code, "no such cgroup"))
            let error = await #expect(throws: RPCError.self) {
                let request = Tetragon_RuntimeHookRequest.with { $0.createContainer.containerID = "c1" }
                _ = try await server.withClient(server.hookPath) { try await $0.runtimeHook(request) }
            }
            #expect(error?.code == expected)
            #expect(error?.message == "no such cgroup")
            guard case .call(let refusal, let container, let peer)? = server.registered.refused.first else {
                Issue.record("nobody was told")
                return
            }
            #expect(refusal.code == code && container == "c1" && peer?.pid == UInt32(getpid()))
            #expect(server.registered.refused.count == 1)
        }
    }

    @Test func requestWithoutContainerIsInvalid() async throws {
        try await RunningServer.with { server in
            let error = await #expect(throws: RPCError.self) {
                _ = try await server.withClient(server.hookPath) { try await $0.runtimeHook(.init()) }
            }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test func hookSocketServesNothingElse() async throws {
        try await RunningServer.with { server in
            let error = await #expect(throws: RPCError.self) {
                _ = try await server.withClient(server.hookPath) { try await $0.getVersion(.init()) }
            }
            #expect(error?.code == .unimplemented)
            #expect(error?.message.contains("GetVersion is on the agent's main address") == true)
            await #expect(throws: RPCError.self) {
                try await server.withClient(server.hookPath) { client in
                    try await client.getEvents(.init()) { _ = try $0.accepted.get() }
                }
            }
            #expect(server.hub.accounts.count == 1)
        }
    }

    @Test(arguments: [false, true]) func requestsOverTheSocketsLimitAreRefused(isHooks: Bool) async throws {
        try await RunningServer.with { server in
            let path = isHooks ? server.hookPath : server.mainPath
            let limit = (isHooks ? 1 : 4) << 20
            let request: @Sendable (Int) -> Tetragon_RuntimeHookRequest = { bytes in
                Tetragon_RuntimeHookRequest.with {
                    $0.createContainer.containerName = String(repeating: "x", count: bytes)
                }
            }
            await #expect(throws: RPCError.self) {
                _ = try await server.withClient(path) { try await $0.runtimeHook(request(limit + 1)) }
            }
            #expect(server.registered.all.isEmpty)
            _ = try await server.withClient(path) { try await $0.runtimeHook(request(limit - 64)) }
            #expect(server.registered.all.count == 1)
        }
    }

    /// Over and over, as hooks come: who has gone takes no place.
    @Test func connectionsThatHaveGoneMakeRoom() async throws {
        try await RunningServer.with { server in
            for _ in 0..<260 {
                _ = try await server.withClient(server.hookPath) {
                    try await $0.runtimeHook(.with { $0.createContainer.containerID = "c1" })
                }
            }
            #expect(server.registered.all.count == 260 && server.registered.refused.isEmpty)
        }
    }

    @Test func tooManyConnectionsAreClosedAndThatIsTold() async throws {
        try await RunningServer.with { server in
            let clients = try (0..<260).map { _ in try RawClient(server.hookPath) }
            defer { for client in clients { client.close() } }
            #expect(try await eventually { server.registered.refused.count == 4 })
            guard case .connection(let uid, let pid, _)? = server.registered.refused.first else {
                Issue.record("another refusal")
                return
            }
            #expect(uid == getuid() && pid == UInt32(getpid()))
        }
    }

    /// A hook calls once: SETTINGS_MAX_CONCURRENT_STREAMS is 1 (RFC 9113, 6.5.2). Elsewhere each call may hold a queue.
    @Test func connectionHasFewCallsAtATime() async throws {
        try await RunningServer.with { server in
            for (path, most) in [(server.hookPath, UInt8(1)), (server.mainPath, 100)] {
                let client = try RawClient(path)
                defer { client.close() }
                try client.send(RawClient.preface)
                let header = try client.receive(9)
                #expect(header[3] == 4)
                let settings = try client.receive(Int(header[1]) << 8 | Int(header[2]))
                let values = stride(from: 0, to: settings.count, by: 6).map { Array(settings[$0..<$0 + 6]) }
                #expect(values.contains([0, 3, 0, 0, 0, most]), "\(path): \(values)")
            }
        }
    }

    @Test func loopbackPortServesTheAPIButNotTheHook() async throws {
        try await RunningServer.with(address: .tcp(host: "localhost", port: 47_613)) { _ in
            try await RunningServer.withClient(.dns(host: "localhost", port: 47_613)) { client in
                let version = try await client.getVersion(.init()).version
                #expect(version == Version.current)
                let error = await #expect(throws: RPCError.self) {
                    _ = try await client.runtimeHook(.with { $0.createContainer.containerID = "c1" })
                }
                #expect(error?.code == .permissionDenied)
            }
        }
    }

    @Test func otherAddressesNeedTLS() throws {
        let server = RunningServer(directory: "/tmp").makeServer(address: .tcp(host: "0.0.0.0", port: 0))
        let error = #expect(throws: ListenError.self) { try server.start() }
        #expect(error?.description.contains("is not a loopback address, and there is no TLS") == true)
    }

    @Test func socketsHaveTheirModesWhateverTheUmask() async throws {
        try await RunningServer.with { server in
            let modes = try [server.mainPath, server.hookPath, server.directory + "/run"].map(mode)
            #expect(modes == [0o600, 0o666, 0o755])
        }
    }

    @Test func serverThatIsStoppedBeforeItServesLeavesNothing() async throws {
        let running = RunningServer(directory: try RunningServer.temporaryDirectory())
        defer { try? FileManager.default.removeItem(atPath: running.directory) }
        let server = running.makeServer()
        try server.start()
        server.shutdown()
        try await server.run()
        #expect(!FileManager.default.fileExists(atPath: running.mainPath))
        #expect(!FileManager.default.fileExists(atPath: running.hookPath))
    }

    @Test func serverIsAServiceThatEndsGracefully() async throws {
        let running = RunningServer(directory: try RunningServer.temporaryDirectory())
        defer { try? FileManager.default.removeItem(atPath: running.directory) }
        let server = running.makeServer()
        try server.start()
        let group = ServiceGroup(configuration: .init(services: [.init(service: server)], logger: .init(label: "test")))
        async let run: Void = group.run()
        _ = try await running.withClient { try await $0.getVersion(.init()) }
        await group.triggerGracefulShutdown()
        try await run
        #expect(!FileManager.default.fileExists(atPath: running.mainPath))
        #expect(!FileManager.default.fileExists(atPath: running.hookPath))
    }
}
