// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix

/// Accepts connections, by the kernel's backlog alone, and never says a word.
struct SilentListener {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var name = sockaddr_un()
        name.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &name.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &name) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, listen(descriptor, 8) == 0 else { throw Failure("cannot listen at \(path)") }
    }

    func close() { _ = Foundation.close(descriptor) }
}

/// A gRPC server without any service.
struct SomethingElse {
    func serving<Result: Sendable>(_ body: @Sendable (_ endpoint: String) async throws -> Result) async throws -> Result
    {
        let scratch = try Scratch()
        let path = scratch("cri.sock")
        let transport = HTTP2ServerTransport.Posix(
            address: .unixDomainSocket(path: path), transportSecurity: .plaintext)
        return try await withGRPCServer(transport: transport, services: []) { server in
            _ = try await server.listeningAddress
            return try await body("unix://\(path)")
        }
    }
}
