// SPDX-License-Identifier: Apache-2.0
internal import Containers
internal import GRPCCore
package import TetragonAPI

/// Takes a container that a hook reports. Returns when registry and kernel know it; throws `RegistrationError`.
package typealias Register = @Sendable (Tetragon_CreateContainer, PeerCredentials) async throws -> Void

/// RuntimeHook.
struct HookEndpoint: Sendable {
    let register: Register
    /// The hook's own socket takes calls from every uid: the hook of a user-namespaced container has none of the
    /// host's. What such a caller may say is for `register` to judge, by its pid.
    let onlyRoot: Bool

    func call(_ request: Tetragon_RuntimeHookRequest, _ context: ServerContext) async throws
        -> Tetragon_RuntimeHookResponse
    {
        guard let peer = context.peerCredentials else {
            throw RPCError(
                code: .permissionDenied,
                message: "RuntimeHook needs a unix socket, where the kernel tells who calls")
        }
        guard !onlyRoot || peer.uid == 0 else {
            throw RPCError(
                code: .permissionDenied,
                message: "RuntimeHook is for root on this socket, and pid \(peer.pid) has uid \(peer.uid)")
        }
        guard case .createContainer(let container) = request.event else {
            throw RPCError(code: .invalidArgument, message: "RuntimeHook: the request has no createContainer")
        }
        do {
            try await register(container, peer)
        } catch let error as RegistrationError {
            throw RPCError(error)
        }
        return Tetragon_RuntimeHookResponse()
    }
}

extension RPCError {
    init(_ error: RegistrationError) {
        let code: RPCError.Code =
            switch error.code {
            case .invalid: .invalidArgument
            case .denied: .permissionDenied
            case .unavailable: .unavailable
            case .failed: .internalError
            }
        self.init(code: code, message: error.message)
    }
}
