// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing
import TetragonAPI

extension SystemTests {
    /// What policies ask of the agent itself.
    @Suite struct AgentActionTests {
        private static let path = "/tmp/apus-outreach"
        private static let nameServer = "127.0.0.153"
        private static let name = "asked.apus.test"

        private static func yaml(_ name: String, _ action: String) -> String {
            """
            apiVersion: cilium.io/v1alpha1
            kind: TracingPolicy
            metadata:
              name: \(name)
            spec:
              kprobes:
              - call: sys_openat
                syscall: true
                args:
                - {index: 1, type: string}
                selectors:
                - matchArgs:
                  - {index: 1, operator: Equal, values: [\(path)]}
                  matchActions: [\(action)]
            """
        }

        private static func policies(_ port: UInt16) -> [(String, String)] {
            [
                ("asks", yaml("asks", "{action: GetUrl, argUrl: 'http://127.0.0.1:\(port)/asked?by=apus'}")),
                ("waits", yaml("waits", "{action: GetUrl, argUrl: 'http://127.0.0.1:\(port)/silent'}")),
                ("looks-up", yaml("looks-up", "{action: DnsLookup, argFqdn: \(name).}")),
                ("elsewhere", yaml("elsewhere", "{action: GetUrl, argUrl: 'http://localhost:\(port)/elsewhere'}")),
            ]
        }

        /// Does the deed, and waits for what every policy says of it.
        private static func act(_ agent: AgentProcess, _ events: EventStream, times: Int) async throws {
            _ = try await Command(["/bin/cat", path]).outcome()
            try await eventually("an event of each policy") {
                let hits = events.all.filter { if case .processKprobe? = $0.message.event { true } else { false } }
                return hits.count == 4 * times
            }
        }

        @Test(
            "hits of policies have the agent ask, once each, whom it may ask and no other; one that is silent holds up nobody"
        )
        func outreach() async throws {
            let web = try Listener.web()
            let names = try Listener.names(at: Self.nameServer)
            defer { web.stop(); names.stop() }
            let files = try TemporaryDirectory()
            try "nameserver \(Self.nameServer)\n".write(
                toFile: files("resolv.conf"), atomically: false, encoding: .utf8)
            let ownResolver = [
                "/usr/bin/unshare", "-m", "/bin/sh", "-c",
                "mount --bind \(files("resolv.conf")) /etc/resolv.conf && exec \"$0\" \"$@\"",
            ]
            let flags = ["--policy-outreach-allow", "127.0.0.1,\(Self.name)"]
            try await AgentProcess.with(flags, within: ownResolver) { agent in
                try await EventStream.with(agent) { events in
                    for (_, yaml) in Self.policies(web.port) { try await agent.add(yaml) }
                    let info = Dictionary(
                        uniqueKeysWithValues: try await agent.policies.map { ($0.name, $0.info) })
                    #expect(info["elsewhere"]?.contains("GetUrl is told, not done") == true)
                    #expect(info["elsewhere"]?.contains("does not name localhost") == true)
                    #expect(info["asks"]?.contains("not done") == false)
                    #expect(info["looks-up"]?.contains("not done") == false)
                    for round in 1...3 {
                        try await Self.act(agent, events, times: round)
                        try await eventually("the requests of round \(round)", within: .seconds(4)) {
                            web.requests.count { $0 == "GET /asked?by=apus HTTP/1.1" } == round
                                && web.requests.count { $0 == "GET /silent HTTP/1.1" } == round
                                && names.requests.count { $0 == "\(Self.name) 1" } == round
                        }
                    }
                    try await Task.sleep(for: .milliseconds(200))
                    #expect(web.requests.count == 6)
                    #expect(Set(names.requests) == ["\(Self.name) 1", "\(Self.name) 28"])
                }
            }
        }

        @Test("without its flag the agent reaches nobody, and says so")
        func off() async throws {
            let web = try Listener.web()
            defer { web.stop() }
            try await AgentProcess.with { agent in
                try await EventStream.with(agent) { events in
                    for (_, yaml) in Self.policies(web.port) { try await agent.add(yaml) }
                    #expect(
                        try await agent.policies.allSatisfy {
                            $0.info.contains("is told, not done: --policy-outreach-allow is not given")
                        })
                    try await Self.act(agent, events, times: 1)
                    try await Task.sleep(for: .milliseconds(500))
                    #expect(web.requests.isEmpty)
                }
            }
        }
    }
}
