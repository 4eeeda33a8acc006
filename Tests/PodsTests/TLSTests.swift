// SPDX-License-Identifier: Apache-2.0
import FakeCluster
import Foundation
import NIOSSL
import Testing

@testable import Pods

/// The API over TLS, with an authority and certificates made for the test by the openssl command.
@Suite struct TLSTests {
    private let directory: TemporaryDirectory
    private let log = RecordedLog()

    init() async throws {
        directory = try TemporaryDirectory()
        try await make("ca", names: nil)
        try await make("server", names: "IP:127.0.0.1")
        try await make("elsewhere", names: "IP:127.0.0.2,DNS:example.org")
        try await make("client", names: "DNS:agent")
    }

    private func openssl(_ arguments: String) async throws {
        // Some milliseconds, and not by Foundation's Process: among other tests it misses its child's end now and then.
        let line = "cd '\(directory.path)' && exec openssl \(arguments) >/dev/null 2>&1"
        let status = pclose(try #require(popen(line, "re")))
        try #require(status == 0, "openssl \(arguments)")
    }

    private func make(_ name: String, names: String?) async throws {
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout \(name).key -subj /CN=\(name)"
        guard let names else {
            return try await openssl("req -x509 \(key) -days 2 -out \(name).crt")
        }
        try await openssl("req \(key) -out \(name).csr")
        try directory.write("\(name).ext", "subjectAltName=\(names)\n")
        try await openssl(
            "x509 -req -in \(name).csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile \(name).ext "
                + "-out \(name).crt")
    }

    private func serverConfiguration(_ name: String) throws -> TLSConfiguration {
        let chain = try NIOSSLCertificate.fromPEMFile("\(directory.path)/\(name).crt")
        let key = try NIOSSLPrivateKey(file: "\(directory.path)/\(name).key", format: .pem)
        return .makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    }

    private func run(
        _ configuration: TLSConfiguration, cluster: String, user: String = "token: secret",
        _ body: (APIServer, Told) async throws -> Void
    ) async throws {
        let server = try await APIServer(tls: configuration) { request, _ in
            request.isWatch
                ? .watch([Fixtures.event("ADDED", Fixtures.pod("b", version: 11))])
                : .text(Fixtures.list([Fixtures.pod("a")], version: 10))
        }
        let kubeconfig = try directory.write(
            "kubeconfig",
            """
            current-context: here
            contexts: [{name: here, context: {cluster: test, user: agent}}]
            clusters: [{name: test, cluster: {server: "https://127.0.0.1:\(server.port)", \(cluster)}}]
            users: [{name: agent, user: {\(user)}}]
            """)
        var timing = APITiming()
        timing.firstBackoff = .milliseconds(20)
        let source = try KubernetesSource(
            access: .kubeconfig(path: kubeconfig), nodeName: "n", timing: timing, logger: log.logger)
        try await withRunning(source) { try await body(server, $0) }
        try await server.stop()
    }

    @Test func serverOfTheAuthorityIsTrusted() async throws {
        try await run(serverConfiguration("server"), cluster: "certificate-authority: ca.crt") { server, told in
            #expect(await eventually { told.names == ["shop/a", "shop/b"] })
            #expect(server.requests.allSatisfy { $0.token == "Bearer secret" })
        }
        #expect(log.lines.isEmpty)
    }

    @Test func serviceAccountIsEnoughInAPod() async throws {
        let server = try await APIServer(tls: serverConfiguration("server")) { request, _ in
            request.isWatch ? .watch([]) : .text(Fixtures.list([Fixtures.pod("a")], version: 10))
        }
        try directory.write("token", "of-the-account")
        let environment = ["KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "\(server.port)"]
        let source = try KubernetesSource(
            access: .inCluster(environment: environment, account: directory.path), nodeName: "n", logger: log.logger)
        try await withRunning(source) { told in
            #expect(await eventually { told.names == ["shop/a"] })
        }
        #expect(server.lists.first?.token == "Bearer of-the-account")
        try await server.stop()
    }

    @Test(arguments: [("server", "{}"), ("elsewhere", "certificate-authority: ca.crt")])
    func serverOfAnotherAuthorityOrAddressGetsNoToken(_ certificate: String, _ cluster: String) async throws {
        let cluster = cluster == "{}" ? "" : cluster
        try await run(serverConfiguration(certificate), cluster: cluster) { server, told in
            #expect(await eventually { !log.lines.isEmpty })
            #expect(told.changes.isEmpty)
            #expect(server.requests.isEmpty)
        }
    }

    @Test func verificationIsLeftOutWhereToldSo() async throws {
        try await run(serverConfiguration("elsewhere"), cluster: "insecure-skip-tls-verify: true") { server, told in
            #expect(await eventually { told.names == ["shop/a", "shop/b"] })
        }
    }

    @Test func clientShowsItsCertificate() async throws {
        var configuration = try serverConfiguration("server")
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .file("\(directory.path)/ca.crt")
        try await run(
            configuration, cluster: "certificate-authority: ca.crt",
            user: "client-certificate: client.crt, client-key: client.key"
        ) { server, told in
            #expect(await eventually { told.names == ["shop/a", "shop/b"] })
            #expect(server.requests.allSatisfy { $0.token == nil })
        }
        try await run(configuration, cluster: "certificate-authority: ca.crt") { server, told in
            #expect(await eventually { !log.lines.isEmpty })
            #expect(server.requests.isEmpty)
            #expect(told.changes.isEmpty)
        }
    }

    @Test func fileThatIsNoCertificateIsNamed() async throws {
        try directory.write("bad.crt", "no certificate")
        try await run(serverConfiguration("server"), cluster: "certificate-authority: bad.crt") { _, told in
            #expect(await eventually { !log.lines(with: "the certificate authority holds no PEM").isEmpty })
            #expect(told.changes.isEmpty)
        }
    }
}
