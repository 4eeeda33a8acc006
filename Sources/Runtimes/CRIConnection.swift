// SPDX-License-Identifier: Apache-2.0
internal import CRIAPI
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix

/// The way to a runtime's socket, and the bounds of everything that comes from there.
struct CRIConnection: Sendable {
    let path: String
    let timeLimit: Duration

    /// Hands a client to `body`, for the time limit at most.
    func withClient<Result: Sendable>(
        _ body: @escaping @Sendable (CRIClient) async throws -> Result
    ) async throws(SourceError) -> Result {
        do {
            return try await withThrowingTaskGroup(of: Result?.self) { group in
                group.addTask { try await call(body) }
                group.addTask {
                    try await Task.sleep(for: timeLimit)
                    return nil
                }
                defer { group.cancelAll() }
                guard case let result?? = try await group.next() else { throw TimeIsUp() }
                return result
            }
        } catch {
            throw explain(error)
        }
    }

    private struct TimeIsUp: Error {}

    private func call<Result: Sendable>(_ body: @Sendable (CRIClient) async throws -> Result) async throws -> Result {
        // Without it the authority would be the path, which grpc-go refuses.
        let config = HTTP2ClientTransport.Posix.Config.defaults { $0.http2.authority = "localhost" }
        let transport = try HTTP2ClientTransport.Posix.http2NIOPosix(
            target: .unixDomainSocket(path: path), transportSecurity: .plaintext, config: config)
        return try await withGRPCClient(transport: transport) { client in
            try await body(CRIClient(timeLimit, client))
        }
    }

    private func explain(_ error: any Error) -> SourceError {
        let place = "cri: cannot list the containers at unix://\(path): "
        guard let error = error as? RPCError else {
            return SourceError(place + (error is TimeIsUp ? late : "\(error)"))
        }
        let said = error.message.printable
        return switch error.code {
        case .deadlineExceeded, .cancelled: SourceError(place + late)
        case .unavailable:
            SourceError(
                place + "no connection: \(said). Does the runtime run? If it listens elsewhere, name the place with "
                    + "--cri-endpoint")
        case .unimplemented:
            SourceError(
                place + "what listens there does not speak the CRI, version v1. In containerd the plugin may be "
                    + "disabled, as it is in Docker's; containerd before 1.6 and CRI-O before 1.23 do not have it")
        // The transport's word for a message beyond the bound that was given to it.
        case .internalError where said.hasPrefix("Failed to decode message"), .resourceExhausted:
            SourceError(place + "an answer is longer than the agent takes (\(CRIClient.limits)), or broken")
        default: SourceError(place + "it refused: \(said) (\(error.code))")
        }
    }

    private var late: String { "it has not answered within \(timeLimit). It may hang: its log tells" }
}

extension String {
    /// For a message of our own: bounded, and on one line.
    var printable: String {
        String(String.UnicodeScalarView(unicodeScalars.prefix(300).map { $0.value < 0x20 ? " " : $0 }))
    }
}
