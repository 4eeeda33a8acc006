// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// Where the API is served and to whom, seen by a client that shares nothing with it but proto/.
    @Suite struct ServingTests {
        /// The answer's JSON, or the status that the call ended with.
        private func ask(_ words: String...) async throws -> String {
            let outcome = try await Command([Artifacts.foreign("surface")] + words).outcome()
            return outcome.status == 0 ? outcome.output : outcome.errors
        }

        private func openssl(_ words: String) async throws {
            try await Command.succeed(["/usr/bin/openssl"] + words.split(separator: " ").map(String.init))
        }

        /// An authority and what it has signed: `server` and `client`, and `stranger`, which signed itself.
        private func makeCertificates(_ directory: TemporaryDirectory) async throws {
            func key(_ name: String) -> String {
                "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout \(directory("\(name).key")) "
                    + "-subj /CN=\(name)"
            }
            for name in ["ca", "stranger"] {
                try await openssl("req -x509 \(key(name)) -days 2 -out \(directory("\(name).crt"))")
            }
            for name in ["server", "client"] {
                try await openssl("req \(key(name)) -out \(directory("\(name).csr"))")
                try "subjectAltName=IP:127.0.0.1,DNS:localhost\n".write(
                    toFile: directory("ext"), atomically: false, encoding: .utf8)
                try await openssl(
                    "x509 -req -in \(directory("\(name).csr")) -CA \(directory("ca.crt")) "
                        + "-CAkey \(directory("ca.key")) -CAcreateserial -days 2 -extfile \(directory("ext")) "
                        + "-out \(directory("\(name).crt"))")
            }
        }

        @Test("TLS serves who trusts the certificate, mutual TLS who shows one of the right authority")
        func tls() async throws {
            let files = try TemporaryDirectory()
            try await makeCertificates(files)
            let tls = ["--server-tls-cert-file", files("server.crt"), "--server-tls-key-file", files("server.key")]
            try await AgentProcess.with(["--server-address", "0.0.0.0:47630"] + tls) { (_: AgentProcess) async throws in
                #expect(try await ask("version", "localhost:47630", files("ca.crt")).contains("\""))
                #expect(try await ask("version", "localhost:47630").contains("UNAVAILABLE"))
                #expect(try await ask("version", "localhost:47630", files("stranger.crt")).contains("UNAVAILABLE"))
                #expect(try await ask("reflection", "localhost:47630", files("ca.crt")).contains("\"version\""))
                #expect(try await ask("denied", "localhost:47630", files("ca.crt")).contains("PERMISSION_DENIED"))
            }
            let mutual = tls + ["--server-tls-client-ca-files", files("ca.crt")]
            try await AgentProcess.with(["--server-address", "127.0.0.1:47631"] + mutual) {
                (_: AgentProcess) async throws in
                let own = (files("client.crt"), files("client.key"))
                #expect(try await ask("version", "localhost:47631", files("ca.crt"), own.0, own.1).contains("\""))
                #expect(try await ask("version", "localhost:47631", files("ca.crt")).contains("UNAVAILABLE"))
                let stranger = (files("stranger.crt"), files("stranger.key"))
                #expect(
                    try await ask("version", "localhost:47631", files("ca.crt"), stranger.0, stranger.1)
                        .contains("UNAVAILABLE"))
            }
        }

        @Test("the group reads and does no more, others do not get in, probes see health alone")
        func group() async throws {
            try await AgentProcess.with(["--server-group", "4242", "--health-server-address", "127.0.0.1:47632"]) {
                (agent: AgentProcess) async throws in
                let socket = "unix:\(agent.directory("apus-read.sock"))"
                func asUser(_ group: String, _ what: String) async throws -> String {
                    let outcome = try await Command(
                        [
                            try Artifacts.tool("setpriv"), "--reuid", "65534", "--regid", group, "--clear-groups",
                            try Artifacts.foreign("surface"), what, socket,
                        ]
                    ).outcome()
                    return outcome.status == 0 ? outcome.output : outcome.errors
                }
                #expect(try await asUser("4242", "version").contains("\""))
                #expect(try await asUser("4242", "health").contains(#"["SERVING", "SERVING", "NOT_FOUND"]"#))
                let denied = try await asUser("4242", "denied")
                #expect(denied.components(separatedBy: "PERMISSION_DENIED").count == 4)
                #expect(try await asUser("65534", "version").contains("UNAVAILABLE"))

                #expect(try await ask("health", "127.0.0.1:47632").contains(#"["SERVING", "SERVING", "NOT_FOUND"]"#))
                #expect(try await ask("version", "127.0.0.1:47632").contains("UNIMPLEMENTED"))
                #expect(try await ask("health", agent.address).contains(#"["SERVING", "SERVING", "NOT_FOUND"]"#))
                let described = try await ask("reflection", agent.address)
                #expect(described.contains("tetragon.FineGuidanceSensors") && described.contains("apus.v1.Node"))
            }
        }

        @Test("the running agent tells its table, changes its log level, and makes test events on demand")
        func running() async throws {
            try await AgentProcess.with { agent in
                let own = UInt32(getpid())
                try await agent.withClient { client in
                    let dump = try await client.getDebug(.with { $0.flag = .dumpProcessCache }).processes.processes
                    #expect(
                        dump.contains { $0.process.pid.value == own && $0.refcnt.value >= 1 && $0.color == "inUse" })
                    let gone = try await client.getDebug(
                        .with {
                            $0.flag = .dumpProcessCache
                            $0.dump.excludeExecveMapProcesses = true
                        }
                    ).processes.processes
                    #expect(!gone.contains { $0.process.pid.value == own })
                    _ = try await client.setDebug(
                        .with {
                            $0.flag = .logLevel
                            $0.level = .debug
                        })
                    _ = try await client.enableSensor(.with { $0.name = "test" })
                    let sensors = try await client.listSensors(.init()).sensors
                    #expect(sensors.count > 4 && sensors.allSatisfy(\.enabled))
                }
                #expect(agent.log.contains("log level changed"))
                let word = UInt64.random(in: 1...UInt64.max)
                try await EventStream.with(agent) { events in
                    try await Command.succeed(["/bin/true", "apus-test", "\(word)", "2", "3", "4"])
                    let test = try await events.first("the test event") { event in
                        if case .test(let test)? = event.message.event { test.arg0 == word } else { false }
                    }
                    let numbers = test.message.test
                    #expect([numbers.arg1, numbers.arg2, numbers.arg3] == [2, 3, 4])
                }
            }
        }
    }
}
