// SPDX-License-Identifier: Apache-2.0

import CLICore
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Glibc
import TetragonAPI

/// The way to an agent.
struct AgentConnection {
    typealias Client = Tetragon_FineGuidanceSensors.Client<HTTP2ClientTransport.Posix>

    var address: ServerAddress

    /// Hands a client to `body`. What goes wrong on the way comes as a `Failure` that says what to try.
    func withClient<Result: Sendable>(_ body: (Client) async throws -> Result) async throws -> Result {
        try await withConnection { try await body(Client(wrapping: $0)) }
    }

    /// The same for a service beside the API's own.
    func withConnection<Result: Sendable>(
        _ body: (GRPCClient<HTTP2ClientTransport.Posix>) async throws -> Result
    ) async throws -> Result {
        do {
            return try await withGRPCClient(transport: transport()) { client in
                try await body(client)
            }
        } catch let error as RPCError {
            throw explain(error)
        }
    }

    private func transport() throws -> HTTP2ClientTransport.Posix {
        switch address {
        case .unix(let path):
            // Without it the authority would be the path, which servers other than grpc-swift's may refuse.
            let config = HTTP2ClientTransport.Posix.Config.defaults { $0.http2.authority = "localhost" }
            return try .http2NIOPosix(
                target: .unixDomainSocket(path: path), transportSecurity: .plaintext, config: config)
        case .tcp(let host, let port):
            return try .http2NIOPosix(target: .dns(host: host, port: port), transportSecurity: .plaintext)
        }
    }

    private func explain(_ error: RPCError) -> Failure {
        let message = error.message.terminalSafe.withoutFullStop
        return switch error.code {
        case .unavailable:
            Failure(
                "no connection to the agent at \(address.description.terminalSafe): \(socketError ?? message)",
                mayPass: true,
                advice: "Is apus-agent running? If it listens elsewhere, name the place with --server-address.")
        case .deadlineExceeded:
            Failure(
                "the agent at \(address.description.terminalSafe) does not answer", mayPass: true,
                advice: "It may still be starting, or hang: its log tells.")
        default:
            Failure("the agent at \(address.description.terminalSafe) refused: \(message) (\(error.code.standardName))")
        }
    }

    /// What the kernel says when somebody connects to the socket: more to the point than what a channel knows.
    private var socketError: String? {
        guard case .unix(let path) = address else { return nil }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8) }
        let failed = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) != 0
            }
        }
        return failed ? String(cString: strerror(errno)) : nil
    }
}

extension RPCError.Code {
    /// As every implementation of gRPC and docs/api.md write it: NOT_FOUND.
    fileprivate var standardName: String {
        if self == .internalError { return "INTERNAL" }
        return description.map { $0.isUppercase ? "_\($0)" : $0.uppercased() }.joined()
    }
}

extension String {
    /// For sentences that go on.
    var withoutFullStop: String {
        var text = self
        while text.hasSuffix(".") { text.removeLast() }
        return text
    }
}
