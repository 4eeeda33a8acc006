// SPDX-License-Identifier: Apache-2.0
import Foundation
import NIOSSL
import Policies
import Testing

@testable import Outreach

/// GetUrl over TLS, with an authority and certificates made for the test by the openssl command.
@Suite struct EncryptedTests {
    private let directory = FileManager.default.temporaryDirectory.appending(path: "apus-\(UUID())")

    private func openssl(_ arguments: String) throws {
        let line = "cd '\(directory.path)' && exec openssl \(arguments) >/dev/null 2>&1"
        let status = pclose(try #require(popen(line, "re")))
        try #require(status == 0, "openssl \(arguments)")
    }

    /// A server's certificate for these names, by the authority.
    private func identity(_ names: String) throws -> TLSConfiguration {
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        try openssl("req \(key) -keyout server.key -subj /CN=server -out server.csr")
        try Data("subjectAltName=\(names)\n".utf8).write(to: directory.appending(path: "names"))
        try openssl(
            "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt")
        let chain = try NIOSSLCertificate.fromPEMFile(directory.appending(path: "server.crt").path)
        let own = try NIOSSLPrivateKey(file: directory.appending(path: "server.key").path, format: .pem)
        return .makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(own))
    }

    private func withDirectory(_ body: () async throws -> Void) async throws {
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        try openssl("req -x509 \(key) -keyout ca.key -subj /CN=ca -days 2 -out ca.crt")
        try await body()
    }

    private func get(_ url: String, trusting roots: NIOSSLTrustRoots) async throws {
        var bounds = OutreachBounds()
        bounds.time = .seconds(60)
        let request = WebRequest(try #require(WebAddress(url)), bounds, trusting: roots)
        try await request.send(NameLookups(atOnce: 1), reaching: OutreachHosts(["localhost", "127.0.0.1"]))
    }

    private var authority: NIOSSLTrustRoots { .file(directory.appending(path: "ca.crt").path) }

    @Test(
        "a server that an authority vouches for is asked, by its name or its address",
        arguments: ["localhost", "127.0.0.1"])
    func trusted(_ host: String) async throws {
        try await withDirectory {
            try await WebServer.with(identity("DNS:localhost,IP:127.0.0.1")) { server in
                try await get("https://\(host):\(server.port)/a", trusting: authority)
                #expect(server.requests == [.init(method: "GET", uri: "/a", host: "\(host):\(server.port)")])
            }
        }
    }

    @Test("a server whose certificate is another's is not asked", arguments: ["localhost", "127.0.0.1"])
    func otherName(_ host: String) async throws {
        try await withDirectory {
            try await WebServer.with(identity("DNS:other.example,IP:127.0.0.2")) { server in
                await #expect(throws: (any Error).self) {
                    try await get("https://\(host):\(server.port)/", trusting: authority)
                }
                #expect(server.requests.isEmpty)
            }
        }
    }

    @Test("a server of an authority that the machine does not know is not asked, and the failure says why")
    func unknownAuthority() async throws {
        try await withDirectory {
            try await WebServer.with(identity("DNS:localhost,IP:127.0.0.1")) { server in
                let error = await #expect(throws: (any Error).self) {
                    try await get("https://localhost:\(server.port)/", trusting: .default)
                }
                #expect("\(error.map { "\($0)" } ?? "")".contains("CERTIFICATE_VERIFY_FAILED"))
                #expect(server.requests.isEmpty)
            }
        }
    }

    @Test("a server that does not speak TLS is not asked")
    func plain() async throws {
        try await WebServer.with { server in
            await #expect(throws: (any Error).self) {
                try await get("https://127.0.0.1:\(server.port)/", trusting: .default)
            }
            #expect(server.requests.isEmpty)
        }
    }
}
