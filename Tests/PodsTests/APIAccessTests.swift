// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Pods

@Suite struct APIAccessTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func load(cluster: String, user: String = "", rest: String? = nil) throws -> APIAccess {
        let path = try directory.write(
            "kubeconfig",
            rest ?? """
                apiVersion: v1
                kind: Config
                current-context: here
                contexts:
                - name: elsewhere
                  context: {cluster: none, user: none}
                - name: here
                  context: {cluster: c, user: u}
                clusters:
                - name: c
                  cluster: {\(cluster)}
                users:
                - name: u
                  user: {\(user)}
                """)
        return try APIAccessSource.kubeconfig(path: path).load()
    }

    private func problem(cluster: String = "server: \"https://h\"", user: String = "", rest: String? = nil) -> String {
        let error = #expect(throws: APIAccessError.self) {
            try load(cluster: cluster, user: user, rest: rest)
        }
        return error?.description ?? ""
    }

    @Test func clusterAndUserAreThoseOfTheCurrentContext() throws {
        try directory.write("ca.crt", "authority")
        try directory.write("client.crt", "chain")
        try directory.write("token", " from-file\n")
        let access = try load(
            cluster: "server: \"https://10.0.0.1:6443/\", certificate-authority: ca.crt",
            user: """
                client-certificate: \(directory.path)/client.crt, client-key-data: \
                "\(Data("key".utf8).base64EncodedString())", token: ignored, tokenFile: token
                """)
        #expect(access.server == "https://10.0.0.1:6443")
        #expect(access.trust == .authorities(Array("authority".utf8)))
        #expect(access.certificate == APIAccess.Certificate(chain: Array("chain".utf8), key: Array("key".utf8)))
        #expect(access.token == "from-file")
    }

    @Test func dataWinsOverFiles() throws {
        let data = Data("from-data".utf8).base64EncodedString()
        let access = try load(
            cluster: "server: \"https://h\", certificate-authority: nowhere, certificate-authority-data: \(data)",
            user: "token: abc")
        #expect(access.trust == .authorities(Array("from-data".utf8)))
        #expect(access.token == "abc")
        #expect(access.certificate == nil)
    }

    @Test func trustIsTheSystemsOrNobodys() throws {
        #expect(try load(cluster: "server: \"https://h\"").trust == .system)
        #expect(try load(cluster: "server: \"https://h\", insecure-skip-tls-verify: false").trust == .system)
        #expect(try load(cluster: "server: \"https://h\", insecure-skip-tls-verify: true").trust == .anybody)
    }

    @Test(arguments: [
        ("exec: {command: aws}", "exec"), ("auth-provider: {name: gcp}", "auth-provider"),
        ("username: me, password: x", "username"), ("password: x", "password"), ("as: root", "as"),
    ])
    func whatIsNotSupportedIsRefusedByName(_ user: String, _ field: String) {
        #expect(problem(user: user).contains("user \"u\" uses \"\(field)\", which is not supported"))
    }

    @Test func clustersThatCannotBeReachedDirectlyAreRefused() {
        #expect(problem(cluster: "server: \"https://h\", tls-server-name: x").contains("\"tls-server-name\""))
        #expect(problem(cluster: "server: \"https://h\", proxy-url: x").contains("\"proxy-url\""))
    }

    @Test func errorNamesTheField() throws {
        #expect(problem(cluster: "server: \"ftp://h\"").contains("server of cluster \"c\""))
        #expect(problem(cluster: "insecure-skip-tls-verify: true").contains("cluster.server: it is missing"))
        #expect(
            problem(cluster: "server: \"https://h\", certificate-authority-data: \"%%%\"")
                .contains("certificate-authority-data is not base64"))
        #expect(
            problem(cluster: "server: \"https://h\", certificate-authority: nowhere")
                .contains("cannot read certificate-authority of the kubeconfig from \(directory.path)/nowhere: "))
        try directory.write("client.crt", "chain")
        #expect(problem(user: "client-certificate: client.crt").contains("client-key"))
        #expect(problem(user: "token: \"a b\"").contains("token of user"))
        #expect(problem(user: "tokenFile: nowhere").contains("\(directory.path)/nowhere"))
        #expect(problem(rest: "clusters: []").contains("current-context is not set"))
        #expect(problem(rest: "current-context: x").contains("contexts has none named \"x\""))
        #expect(problem(rest: "current-context: [").contains("kubeconfig"))
        #expect(problem(rest: "").contains("it is not one YAML document"))
        #expect(
            problem(rest: "current-context: x\ncontexts: [{name: x, context: {cluster: y}}]")
                .contains("clusters has none named \"y\""))
    }

    @Test func tokenIsNotSentInTheClear() throws {
        #expect(problem(cluster: "server: \"http://10.0.0.1\"", user: "token: a").contains("in the clear"))
        #expect(problem(cluster: "server: \"http://127.0.0.1.evil\"", user: "token: a").contains("in the clear"))
        #expect(try load(cluster: "server: \"http://127.0.0.1:8001\"", user: "token: a").token == "a")
        #expect(try load(cluster: "server: \"http://10.0.0.1\"").token == nil)
    }

    @Test func podHasItsAccount() throws {
        try directory.write("token", "abc\n")
        try directory.write("ca.crt", "authority")
        let source = { (environment: [String: String]) in
            APIAccessSource.inCluster(environment: environment, account: directory.path)
        }
        let access = try source(["KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"]).load()
        #expect(
            access
                == APIAccess(
                    server: "https://10.96.0.1:443", trust: .authorities(Array("authority".utf8)), token: "abc"))
        let six = try source(["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"]).load()
        #expect(six.server == "https://[fd00::1]:443")
        let outside = #expect(throws: APIAccessError.self) { try source([:]).load() }
        #expect(outside?.description.contains("--k8s-kubeconfig-path") == true)
        #expect(throws: APIAccessError.self) {
            try source(["KUBERNETES_SERVICE_HOST": "h", "KUBERNETES_SERVICE_PORT": "x"]).load()
        }
        try directory.write("token", "\n")
        let empty = #expect(throws: APIAccessError.self) {
            try source(["KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"]).load()
        }
        #expect(empty?.description == "the file \(directory.path)/token holds no token")
    }
}
