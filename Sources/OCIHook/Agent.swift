// SPDX-License-Identifier: Apache-2.0
import CHook

/// Why the agent could not be told.
enum AgentError: Error {
    case unsupportedAddress
    case connect(CInt)
    case send(CInt)
    case receive(CInt)
    case closed
    case http2(String)
    case httpStatus(String)
    case reset(code: UInt32)
    case noStatus
    /// The agent answered, and its answer is an error.
    case refused(code: String, message: String)

    /// Whether the agent may say something else at its next start: it was not there, or on its way out, rather than
    /// of another opinion.
    var isTransient: Bool {
        if case .refused(let code, _) = self {
            return code == "14"
        }
        return true
    }

    var description: String {
        switch self {
        case .unsupportedAddress: "the address is not unix:///absolute/path"
        case .connect(let error): "connecting: " + errorText(error)
        case .send(let error): "sending the request: " + errorText(error)
        case .receive(let error): "waiting for the answer: " + errorText(error)
        case .closed: "the agent closed the connection without an answer"
        case .http2(let text): "HTTP/2: " + text
        case .httpStatus(let status): "HTTP status " + status
        case .reset(let code): "the agent reset the stream, HTTP/2 error \(code)"
        case .noStatus: "the answer has no grpc-status"
        case .refused(let code, let message): "the agent answered gRPC status " + code + ": " + message
        }
    }
}

/// The agent's hook socket: one connection for one call.
struct Agent: ~Copyable {
    let descriptor: CInt

    init(address: String) throws(AgentError) {
        guard let path = Self.path(of: address) else {
            throw .unsupportedAddress
        }
        Guard.phase("connecting to the agent")
        let result = path.withCString { apus_connect($0) }
        if result < 0 {
            throw .connect(-result)
        }
        descriptor = result
    }

    deinit {
        apus_close(descriptor)
    }

    /// `unix:///path` or `unix:/path`. A relative path would be looked up in the image.
    private static func path(of address: String) -> String? {
        guard address.utf8.starts(with: "unix:/".utf8) else {
            return nil
        }
        let path = address.utf8.dropFirst("unix:".utf8.count)
        return String(Substring(path.starts(with: "//".utf8) ? path.dropFirst(2) : path))
    }
}
