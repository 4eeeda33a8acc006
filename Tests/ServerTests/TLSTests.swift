// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Models
import Server
import SwiftProtobuf
import Testing
import TetragonAPI

/// TLS on the TCP address, with certificates that the openssl command makes.
@Suite struct TLSTests {
    private typealias Security = HTTP2ClientTransport.Posix.TransportSecurity

    private let directory: String

    init() async throws {
        directory = try RunningServer.temporaryDirectory()
        for authority in ["ca", "other-ca"] {
            try await openssl("req -x509 \(key(authority)) -days 2 -out \(authority).crt")
        }
        for (name, authority) in [("server", "ca"), ("renewed", "ca"), ("client", "ca"), ("stranger", "other-ca")] {
            try await openssl("req \(key(name)) -out \(name).csr")
            try "subjectAltName=IP:127.0.0.1,DNS:localhost\n".write(
                toFile: path("\(name).ext"), atomically: false, encoding: .utf8)
            try await openssl(
                "x509 -req -in \(name).csr -CA \(authority).crt -CAkey \(authority).key -CAcreateserial -days 2 "
                    + "-extfile \(name).ext -out \(name).crt")
        }
    }

    private func key(_ name: String) -> String {
        "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout \(name).key -subj /CN=\(name)"
    }

    private func path(_ name: String) -> String { "\(directory)/\(name)" }

    private func openssl(_ arguments: String) async throws {
        // Some milliseconds, and not by Foundation's Process: among other tests it misses its child's end now and then.
        let line = "cd '\(directory)' && exec openssl \(arguments) >/dev/null 2>&1"
        let status = pclose(try #require(popen(line, "re")))
        try #require(status == 0, "openssl \(arguments)")
    }

    private func files(mutual: Bool = false) -> TLSFiles {
        TLSFiles(
            certificate: path("server.crt"), key: path("server.key"),
            clientAuthorities: mutual ? [path("ca.crt")] : [])
    }

    private func trusting(_ authority: String = "ca") -> Security {
        .tls { $0.trustRoots = .certificates([.file(path: path("\(authority).crt"), format: .pem)]) }
    }

    private func showing(_ name: String) -> Security {
        .mTLS(
            certificateChain: [.file(path: path("\(name).crt"), format: .pem)],
            privateKey: .file(path: path("\(name).key"), format: .pem)
        ) { $0.trustRoots = .certificates([.file(path: path("ca.crt"), format: .pem)]) }
    }

    private func version(_ port: Int, _ security: Security) async throws -> String {
        try await RunningServer.withConnection(.ipv4(address: "127.0.0.1", port: port), security: security) {
            connection in
            var options = CallOptions.defaults
            options.timeout = .seconds(20)
            return try await RunningServer.Client(wrapping: connection).getVersion(.init(), options: options).version
        }
    }

    private func withServer(
        _ port: UInt16, _ files: TLSFiles, _ body: @Sendable @escaping (RunningServer) async throws -> Void
    ) async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await RunningServer.with(address: .tcp(host: "0.0.0.0", port: port), configure: { $0.tls = files }, body)
    }

    @Test("with a certificate any address is served, to clients that trust it and speak TLS")
    func tls() async throws {
        try await withServer(47_620, files()) { (_: RunningServer) async throws in
            #expect(try await version(47_620, trusting()) == Version.current)
            await #expect(throws: RPCError.self) { try await version(47_620, trusting("other-ca")) }
            await #expect(throws: RPCError.self) { try await version(47_620, .plaintext) }
        }
    }

    @Test("with client authorities, clients need a certificate of theirs")
    func mutual() async throws {
        try await withServer(47_621, files(mutual: true)) { (_: RunningServer) async throws in
            #expect(try await version(47_621, showing("client")) == Version.current)
            await #expect(throws: RPCError.self) { try await version(47_621, trusting()) }
            await #expect(throws: RPCError.self) { try await version(47_621, showing("stranger")) }
        }
    }

    @Test("RuntimeHook is denied over TLS too: nobody tells who calls")
    func hook() async throws {
        try await withServer(47_622, files(mutual: true)) { (_: RunningServer) async throws in
            let error = await #expect(throws: RPCError.self) {
                try await RunningServer.withConnection(
                    .ipv4(address: "127.0.0.1", port: 47_622), security: showing("client")
                ) {
                    _ = try await RunningServer.Client(wrapping: $0).runtimeHook(
                        .with { $0.createContainer.containerID = "c" })
                }
            }
            #expect(error?.code == .permissionDenied)
        }
    }

    @Test("a changed certificate is served without a restart, a broken one is not")
    func reload() async throws {
        try await withServer(47_623, files()) { (_: RunningServer) async throws in
            #expect(try await version(47_623, trusting()) == Version.current)
            // Half of a change: the old pair stays in use.
            try Data("nothing\n".utf8).write(to: URL(fileURLWithPath: path("server.crt")))
            try await Task.sleep(for: .milliseconds(1100))
            #expect(try await version(47_623, trusting()) == Version.current)
            // The whole of another: of an authority that was not trusted before.
            for kind in ["crt", "key"] {
                try Data(contentsOf: URL(fileURLWithPath: path("stranger.\(kind)")))
                    .write(to: URL(fileURLWithPath: path("server.\(kind)")))
            }
            try await Task.sleep(for: .milliseconds(1100))
            #expect(try await version(47_623, trusting("other-ca")) == Version.current)
            await #expect(throws: RPCError.self) { try await version(47_623, trusting()) }
        }
    }

    @Test("what is wrong with the files is said at the start, in one sentence")
    func wrongFiles() async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        func complaint(_ change: (inout TLSFiles) -> Void) -> String {
            var wrong = files(mutual: true)
            change(&wrong)
            let server = RunningServer(directory: directory).makeServer(address: .tcp(host: "127.0.0.1", port: 0)) {
                $0.tls = wrong
            }
            return #expect(throws: ListenError.self) { try server.start() }?.description ?? ""
        }
        #expect(complaint { $0.certificate = path("absent") }.contains("cannot open \(path("absent"))"))
        #expect(complaint { $0.certificate = path("server.key") }.contains("holds no certificate in PEM"))
        #expect(complaint { $0.certificate = directory }.contains("is not a regular file"))
        #expect(complaint { $0.key = path("server.crt") }.contains("everybody may read"))
        #expect(complaint { $0.key = path("renewed.key") }.contains("is not the one of the certificate"))
        #expect(
            complaint { $0.clientAuthorities = [path("ca.key")] }.contains("\(path("ca.key")) holds no certificate"))
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path("server.key"))
        #expect(complaint { _ in }.contains("everybody may read or write the private key \(path("server.key"))"))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path("server.key"))
        try Data("nothing\n".utf8).write(to: URL(fileURLWithPath: path("renewed.key")))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path("renewed.key"))
        #expect(complaint { $0.key = path("renewed.key") }.contains("holds no private key in PEM"))
    }
}
