// SPDX-License-Identifier: Apache-2.0
import Containers
import GRPCCore
import Glibc
import SwiftProtobuf
import Synchronization
import Testing
import TetragonAPI

@testable import Server

/// RuntimeHook as others than root call it: what the kernel says of the connection decides, and nobody calls too often.
@Suite struct HookEndpointTests {
    private final class Calls: Sendable {
        let peers = PeerTable(limits: .init())
        private let refusals = Mutex<[HookRefusal]>([])
        private let taken = Mutex<[PeerCredentials]>([])

        var refused: [HookRefusal] { refusals.withLock { $0 } }
        var uids: [UInt32] { taken.withLock { $0.map(\.uid) } }

        func connect(uid: UInt32) throws -> ConnectionNumber {
            let peer = PeerCredentials(pid: 7, uid: uid, gid: uid, process: nil)
            return try #require(peers.admit(peer) {}.number)
        }

        /// - Parameter during: runs while the container is being registered.
        func endpoint(
            onlyRoot: Bool = false, during: @escaping @Sendable (Calls) async throws -> Void = { _ in }
        ) -> HookEndpoint {
            HookEndpoint(
                register: { [self] _, peer in
                    taken.withLock { $0.append(peer) }
                    try await during(self)
                }, refused: { [self] refusal in refusals.withLock { $0.append(refusal) } }, peers: peers,
                onlyRoot: onlyRoot)
        }
    }

    private let calls = Calls()

    private func call(_ endpoint: HookEndpoint, from peer: String, id: String = "web") async throws {
        try await Self.call(endpoint, from: peer, id: id)
    }

    private static func call(_ endpoint: HookEndpoint, from peer: String, id: String = "web") async throws {
        try await withServerContextRPCCancellationHandle { handle in
            let context = ServerContext(
                descriptor: SensorsService.Method.RuntimeHook.descriptor, remotePeer: peer, localPeer: "",
                cancellation: handle)
            _ = try await endpoint.call(.with { $0.createContainer.containerID = id }, context)
        }
    }

    /// The kernel did not give us hold of whoever connected: it had gone before we asked.
    @Test func aPeerThatNobodyHasHoldOfIsNotThere() {
        let own = UInt32(getpid())
        #expect(!PeerCredentials(pid: own, uid: 0, gid: 0, process: nil).isRunning)
        #expect(PeerCredentials(pid: own, uid: 0, gid: 0, process: PinnedProcess(pid: own)).isRunning)
    }

    @Test func rootsSocketTakesRootsCallsOnly() async throws {
        let endpoint = calls.endpoint(onlyRoot: true)
        let user = try calls.connect(uid: 1000)
        let root = try calls.connect(uid: 0)
        let error = await #expect(throws: RPCError.self) {
            try await call(endpoint, from: "unix:peer/\(user.value)")
        }
        #expect(error?.code == .permissionDenied)
        try await call(endpoint, from: "unix:peer/\(root.value)")
        try await call(calls.endpoint(), from: "unix:peer/\(user.value)")
        #expect(calls.uids == [0, 1000])
    }

    @Test(arguments: [
        "ipv4:127.0.0.1:1", "unix:peer/", "unix:peer/x", "unix:peer/99", "unix:/tmp/peer/1", "peer/1", "",
    ])
    func whomTheKernelDoesNotKnowIsNobody(peer: String) async throws {
        _ = try calls.connect(uid: 0)
        await #expect(throws: RPCError.self) { try await call(calls.endpoint(), from: peer) }
        #expect(calls.uids.isEmpty && calls.refused.count == 1)
    }

    @Test func oneUserHasFewCallsUnderWayAndOneThatEndsMakesRoom() async throws {
        let connections = try (0..<5).map { _ in try calls.connect(uid: 1000) }
        let last = "unix:peer/\(connections[4].value)"
        // Each calls the next while its own call is under way.
        @Sendable func nested(_ depth: Int, _ calls: Calls) async throws {
            let endpoint = calls.endpoint { calls in
                if depth < 3 { return try await nested(depth + 1, calls) }
                let error = await #expect(throws: RPCError.self) { try await Self.call(calls.endpoint(), from: last) }
                #expect(error?.code == .resourceExhausted)
            }
            try await Self.call(endpoint, from: "unix:peer/\(connections[depth].value)")
        }
        try await nested(0, calls)
        #expect(calls.uids.count == 4 && calls.refused.count == 1)
        try await call(calls.endpoint(), from: last)
        #expect(calls.uids.count == 5)
    }

    @Test func refusedIDIsToldCut() async throws {
        let endpoint = calls.endpoint { _ in throw RegistrationError(.denied, "no") }
        let root = try calls.connect(uid: 0)
        await #expect(throws: RPCError.self) {
            try await call(endpoint, from: "unix:peer/\(root.value)", id: String(repeating: "a", count: 100_000))
        }
        guard case .call(_, let container, let peer)? = calls.refused.first else {
            Issue.record("nobody was told")
            return
        }
        #expect(container.count == 128 && peer?.uid == 0)
    }
}
