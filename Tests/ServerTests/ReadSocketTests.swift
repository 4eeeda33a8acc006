// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Models
import SwiftProtobuf
import Testing
import TetragonAPI

@testable import Server

/// The group's socket.
@Suite struct ReadSocketTests {
    private func withReaders(_ body: @Sendable @escaping (RunningServer) async throws -> Void) async throws {
        try await RunningServer.with(configure: { $0.readers = 4242 }, body)
    }

    @Test("the socket is the group's, and of nobody else")
    func mode() async throws {
        try await withReaders { server in
            let attributes = try FileManager.default.attributesOfItem(atPath: server.readPath)
            #expect(attributes[.posixPermissions] as? Int == 0o660)
            #expect(attributes[.groupOwnerAccountID] as? Int == 4242)
            #expect(attributes[.ownerAccountID] as? Int == Int(getuid()))
        }
    }

    @Test("events, health and version are served, and the standard health service")
    func reading() async throws {
        try await withReaders { server in
            try await RunningServer.withConnection(.unixDomainSocket(path: server.readPath)) { connection in
                let client = RunningServer.Client(wrapping: connection)
                #expect(try await client.getVersion(.init()).version == Version.current)
                #expect(try await client.getHealth(.init()).healthStatus.map(\.status) == [.healthStatusRunning])
                let health = Grpc_Health_V1_Health.Client(wrapping: connection)
                #expect(try await health.check(.init()).status == .serving)
                try await client.getEvents(.init()) { response in
                    server.hub.publish([try sampleEvent(pid: 7)])
                    for try await event in response.messages {
                        #expect(event.processPid == 7)
                        return
                    }
                }
            }
        }
    }

    @Test("everything else is denied, with where it is to be had")
    func denied() async throws {
        try await withReaders { server in
            try await server.withClient(server.readPath) { client in
                @Sendable func expectDenied(_ name: String, _ call: @Sendable () async throws -> Void) async {
                    let error = await #expect(throws: RPCError.self) { try await call() }
                    #expect(error?.code == .permissionDenied)
                    #expect(error?.message.contains("\(name) is on the agent's main address") == true)
                }
                await expectDenied("RuntimeHook") {
                    _ = try await client.runtimeHook(.with { $0.createContainer.containerID = "c" })
                }
                await expectDenied("SetDebug") { _ = try await client.setDebug(.init()) }
                await expectDenied("GetDebug") { _ = try await client.getDebug(.init()) }
                await expectDenied("GetInfo") { _ = try await client.getInfo(.init()) }
                await expectDenied("ListSensors") { _ = try await client.listSensors(.init()) }
                await expectDenied("EnableSensor") { _ = try await client.enableSensor(.with { $0.name = "test" }) }
                await expectDenied("AddTracingPolicy") { _ = try await client.addTracingPolicy(.init()) }
            }
            #expect(server.registered.all.isEmpty && !server.agent.now.isTestOn)
        }
    }

    @Test("the socket's name follows the main one's")
    func name() {
        func name(_ path: String, readers: UInt32? = 1) -> ListenAddress? {
            APIServer.Configuration(
                serverAddress: .unix(path: path), hookAddress: .unix(path: "/h"), readers: readers
            ).readAddress
        }
        #expect(name("/run/apus/apus.sock") == .unix(path: "/run/apus/apus-read.sock"))
        #expect(name("/run/api") == .unix(path: "/run/api-read.sock"))
        #expect(name("/run/apus/apus.sock", readers: nil) == nil)
    }

    @Test("without a group there is no such socket")
    func off() async throws {
        try await RunningServer.with { server in
            #expect(!FileManager.default.fileExists(atPath: server.readPath))
        }
    }

    @Test("a group is found by its name or number")
    func group() {
        #expect(GroupName.number(of: "root") == 0)
        #expect(GroupName.number(of: "123456") == 123_456)
        #expect(GroupName.number(of: "no-such-group") == nil)
    }

    @Test("a user who is not root has so many streams and no more, whatever connections they come by")
    func streams() throws {
        let peers = PeerTable(limits: .readers)
        func connect(uid: UInt32) throws -> ConnectionNumber {
            try #require(peers.admit(PeerCredentials(pid: 1, uid: uid, gid: 1, process: nil), close: {}).number)
        }
        let (one, two, other) = (try connect(uid: 1), try connect(uid: 1), try connect(uid: 2))
        for _ in 0..<8 { #expect(peers.beginCall(one) && peers.beginCall(two)) }
        #expect(!peers.beginCall(one) && !peers.beginCall(two))
        #expect(peers.beginCall(other))
        peers.endCall(one)
        #expect(peers.beginCall(two))
        // Who streams is not pushed out.
        for _ in 0..<64 { _ = peers.admit(PeerCredentials(pid: 1, uid: 1, gid: 1, process: nil), close: {}) }
        #expect(peers.peer(one) != nil && peers.peer(two) != nil)
    }
}
