// SPDX-License-Identifier: Apache-2.0
package import Containers
internal import GRPCCore
package import Models
package import TetragonAPI

/// Takes a container that a hook reports. Returns when registry and kernel know it; throws `RegistrationError`.
package typealias Register = @Sendable (Tetragon_CreateContainer, PeerCredentials) async throws -> Void

/// What was refused on the way of a hook's word, for the operator: counted and logged by whoever gets it.
package enum HookRefusal: Sendable {
    /// - Parameters:
    ///   - container: what the caller says that it is: any text, cut.
    ///   - peer: nil where the kernel does not tell who calls.
    case call(RegistrationError, container: String, peer: PeerCredentials?)
    /// A connection was closed because there were too many.
    /// - Parameter uid: 4294967295 of somebody who came by TCP.
    case connection(uid: UInt32, pid: UInt32, to: ListenAddress)
}

/// RuntimeHook.
struct HookEndpoint: Sendable {
    let register: Register
    let refused: @Sendable (HookRefusal) -> Void
    let peers: PeerTable
    /// The hook's own socket takes calls from every uid: the hook of a user-namespaced container has none of the
    /// host's. What such a caller may say is for `register` to judge, by its pid.
    let onlyRoot: Bool

    private static let longestShownID = 128

    func call(_ request: Tetragon_RuntimeHookRequest, _ context: ServerContext) async throws
        -> Tetragon_RuntimeHookResponse
    {
        let connection = context.connection
        let peer = connection.flatMap(peers.peer)
        do {
            guard let connection else {
                throw RegistrationError(
                    .denied, "RuntimeHook needs a unix socket, where the kernel tells who calls")
            }
            guard let peer else {
                throw RegistrationError(.unavailable, "RuntimeHook: the connection of this call has ended")
            }
            try await take(request, peer, connection)
        } catch let error as RegistrationError {
            let id = String(request.createContainer.containerID.prefix(Self.longestShownID))
            refused(.call(error, container: id, peer: peer))
            throw RPCError(error)
        }
        return Tetragon_RuntimeHookResponse()
    }

    private func take(
        _ request: Tetragon_RuntimeHookRequest, _ peer: PeerCredentials, _ connection: ConnectionNumber
    ) async throws {
        guard !onlyRoot || peer.uid == 0 else {
            throw RegistrationError(
                .denied, "RuntimeHook is for root on this socket, and pid \(peer.pid) has uid \(peer.uid)")
        }
        guard case .createContainer(let container) = request.event else {
            throw RegistrationError(.invalid, "RuntimeHook: the request has no createContainer")
        }
        guard peers.beginCall(connection) else {
            throw RegistrationError(.busy, "RuntimeHook: uid \(peer.uid) has too many calls under way")
        }
        defer { peers.endCall(connection) }
        try await register(container, peer)
    }
}

extension RPCError {
    init(_ error: RegistrationError) {
        let code: RPCError.Code =
            switch error.code {
            case .invalid: .invalidArgument
            case .denied: .permissionDenied
            case .unavailable: .unavailable
            case .busy: .resourceExhausted
            case .failed: .internalError
            }
        self.init(code: code, message: error.message)
    }
}
