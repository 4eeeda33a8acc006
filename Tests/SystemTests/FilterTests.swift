// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// What a client that is not ours asks for by filters, and what comes: nothing less, nothing more.
    @Suite struct FilterTests {
        private static let node = "apus-filter-node"

        /// What happens while the clients listen, each known by a word in its arguments.
        enum Act: String, CaseIterable {
            /// The container's entrypoint, once it runs its last program; it goes on when all is over.
            case entrypoint
            /// What the entrypoint starts.
            case own
            /// What a shell does that the runtime brings into the container.
            case injected
            /// The command of the container's liveness probe, brought in the same way.
            case probe
            /// In a container without a pod.
            case plain
            case host
            /// On the host, without capabilities.
            case bare

            static let inPod: Set<Act> = [.entrypoint, .own, .injected, .probe]
            static let inTree: Set<Act> = [.entrypoint, .own, .plain]
            static let all = Set(allCases)
        }

        struct Case {
            /// Fields of the filters, without braces; an event must match one of the allowed, and none of the denied.
            let allow: [String]
            let deny: [String]
            let expected: Set<Act>
            /// Of what kind the events are: both, but for the entrypoint, which does not end.
            let execs: Bool
            let exits: Bool

            init(
                _ allow: String..., deny: [String] = [], sees expected: Set<Act>, execs: Bool = true, exits: Bool = true
            ) {
                self.allow = allow.isEmpty ? [""] : allow
                self.deny = deny
                self.expected = expected
                self.execs = execs
                self.exits = exits
            }

            /// Of all that happens on the machine only what mentions the word, and the end of it all, whatever else is
            /// asked for.
            func request(_ word: String) -> String {
                let acts = "\"arguments_regex\": [\"\(word)-\"]"
                let allowed = allow.map { fields in
                    if fields.contains("\"arguments_regex\"") { return "{\(fields)}" }
                    return "{\(fields)\(fields.isEmpty ? "" : ", ")\(acts)}"
                }
                let end = "{\"arguments_regex\": [\"^\(word)-end$\"]}"
                let denied = deny.map { "{\($0)}" }.joined(separator: ",")
                return "{\"allow_list\": [\((allowed + [end]).joined(separator: ","))], \"deny_list\": [\(denied)]}"
            }

            var seen: Set<String> {
                Set(execs ? expected.map { "exec \($0.rawValue)" } : []).union(
                    exits ? expected.subtracting([.entrypoint]).map { "exit \($0.rawValue)" } : [])
            }
        }

        /// What clients ask for, and which acts they see then.
        private func cases(_ stage: Stage) -> [Case] {
            let (id, word) = (stage.setup.id, stage.word)
            let capabilities = Bundle.capabilities.map { $0 == "CAP_DAC_OVERRIDE" ? "DAC_OVERRIDE" : $0 }
                .map { "\"\($0)\"" }.joined(separator: ",")
            return [
                Case(sees: Act.all),
                Case(deny: [""], sees: []),
                Case(#""namespace": ["shop"]"#, sees: Act.inPod),
                Case(#""namespace": ["sho", "nobody's"]"#, sees: []),
                Case(#""namespace": [""]"#, sees: [.plain, .host, .bare]),
                Case(#""namespace_regex": ["^sh.p$"]"#, sees: Act.inPod),
                Case(#""namespace_regex": [".*"]"#, sees: Act.inPod),
                Case(#""pod_regex": ["^front-"]"#, sees: Act.inPod),
                Case(#""pod_regex": ["^back-"]"#, sees: []),
                Case(#""container_name_regex": ["^web$"]"#, sees: Act.inPod),
                Case(#""labels": ["app=front,tier notin (db)"]"#, sees: Act.inPod),
                Case(#""labels": ["app in (back)", "!app"]"#, sees: []),
                Case(#""labels": ["k8s:io.kubernetes.pod.namespace=shop"]"#, sees: Act.inPod),
                Case("\"container_id\": [\"^\(id.prefix(15))$\"]", sees: Act.inPod),
                Case("\"container_id\": [\"^\(id)$\"]", sees: Act.inPod),
                Case("\"container_id\": [\"^containerd://\(id)$\"]", sees: Act.inPod),
                Case("\"container_id\": [\"^\(stage.plain.id)$\"]", sees: [.plain]),
                Case(#""in_init_tree": true"#, sees: Act.inTree),
                Case(#""in_init_tree": false"#, sees: Act.all.subtracting(Act.inTree)),
                Case(#""health_check": true"#, sees: [.probe]),
                Case(#""health_check": false"#, sees: Act.all.subtracting([.probe])),
                Case("\"pid\": [\(stage.initProcess)]", sees: [.entrypoint]),
                Case("\"pid_set\": [\(stage.initProcess)]", sees: [.entrypoint, .own]),
                Case("\"pid_set\": [\(getpid())]", sees: Act.all),
                Case(#""cel_expression": ["true"]"#, sees: Act.all),
                Case(
                    #""cel_expression": ["process_exec.process.pod.name.startsWith('front-')"]"#, sees: Act.inPod,
                    exits: false),
                Case(
                    #""cel_expression": ["false", "process_exit.process.pod.namespace == 'shop'"]"#, sees: Act.inPod,
                    execs: false),
                Case(
                    #""cel_expression": ["process_exec.process.in_init_tree == true"]"#, sees: Act.inTree,
                    exits: false),
                Case(#""pid_set": [2]"#, sees: []),
                Case(#""event_set": ["PROCESS_EXEC"]"#, sees: Act.all, exits: false),
                Case(#""event_set": ["PROCESS_EXIT"]"#, sees: Act.all, execs: false),
                Case(#""event_set": ["PROCESS_KPROBE"]"#, sees: []),
                Case(#""policy_names": ["a-policy"]"#, sees: []),
                Case(#""binary_regex": ["/tru.$"]"#, sees: Act.all.subtracting([.entrypoint])),
                Case(#""binary_regex": ["^true$"]"#, sees: []),
                Case("\"arguments_regex\": [\"^\(word)-(own|host)$\"]", sees: [.own, .host]),
                Case(#""parent_binary_regex": ["/setpriv$"]"#, sees: [.bare]),
                Case("\"parent_arguments_regex\": [\"\(word)-host; :\"]", sees: [.host]),
                Case(#""ancestor_binary_regex": ["/(crun|runc)$"]"#, sees: Act.inPod.union([.plain])),
                Case(#""ancestor_binary_regex": ["/setpriv$"]"#, sees: []),
                Case(
                    "\"capabilities\": {\"effective\": {\"exactly\": [\(capabilities)]}}",
                    sees: Act.inPod.union([.plain])),
                Case(
                    #""capabilities": {"effective": {"all": ["CAP_CHOWN", "CAP_KILL"]}}"#,
                    sees: Act.all.subtracting([.bare])),
                Case(
                    #""capabilities": {"permitted": {"none": ["CAP_CHOWN"]}, "effective": {"none": ["CAP_KILL"]}}"#,
                    sees: [.bare]),
                Case(#""capabilities": {"inheritable": {"any": ["CAP_CHOWN"]}}"#, sees: []),
                Case(#""namespace": ["shop"], "in_init_tree": false"#, sees: [.injected, .probe]),
                Case("\"arguments_regex\": [\"\(word)-own\"]", #""health_check": true"#, sees: [.own, .probe]),
                Case(
                    #""namespace": ["shop"]"#, deny: [#""in_init_tree": true"#, #""health_check": true"#],
                    sees: [.injected]),
                Case(deny: [#""namespace": ["shop"]"#], sees: [.plain, .host, .bare]),
            ]
        }

        @Test("a table of filters: each lets through what it says and holds back the rest")
        func table() async throws {
            try await Stage.with { stage in
                var streams: [(Case, ForeignStream)] = []
                defer { for (_, stream) in streams { stream.stop() } }
                for item in cases(stage) {
                    streams.append(
                        (item, try ForeignStream(stage.agent, item.request(stage.word), word: stage.word)))
                }
                for (_, stream) in streams { try await stream.subscribed() }
                try await stage.play()
                for (item, stream) in streams where item.deny != [""] {
                    var events: [Event] = []
                    try await eventually("the end in the stream of \(item.allow)", within: .seconds(60)) {
                        events = try stream.events
                        return events.contains { $0.isExit && $0.process.arguments == "\(stage.word)-end" }
                    }
                    let seen = Set(events.compactMap { stage.name($0) })
                    #expect(seen == item.seen, "allow \(item.allow) deny \(item.deny)")
                }
                // Who has asked for nothing has no end to see; by now it would have had all.
                for (item, stream) in streams where item.deny == [""] { #expect(try stream.events.isEmpty) }
                report("filters tried by a foreign client: \(streams.count)")
            }
        }

        @Test(
            "what is wrong is refused with its position, as other languages see it",
            arguments: ["client-cpp", "client-python"])
        func refusals(_ client: String) async throws {
            try await AgentProcess.with { agent in
                let code = client == "client-cpp" ? "status 3" : "INVALID_ARGUMENT"
                for (request, position) in [
                    (#"{"allow_list": [{}, {"binary_regex": ["("]}]}"#, "allow_list[1].binary_regex[0]"),
                    (#"{"deny_list": [{"labels": ["a b"]}]}"#, "deny_list[0].labels[0]"),
                    (#"{"allow_list": [{"cel_expression": ["true", "1 +"]}]}"#, "allow_list[0].cel_expression[1]"),
                    (#"{"field_filters": [{"fields": "process.nam"}]}"#, "field_filters[0].fields.paths[0]"),
                ] {
                    let said = try await ForeignStream(agent, request, client: client).refusal()
                    #expect(said.contains("\(code): GetEvents: \(position): "), "\(said)")
                }
            }
        }

        @Test("capabilities, credentials, namespaces and ancestors are told where they are asked for")
        func details() async throws {
            try await Stage.with(["--enable-ancestors", "base", "--enable-process-cred", "--enable-process-ns"]) {
                stage in
                try await EventStream.with(stage.agent) { events in
                    try await stage.play()
                    let own = try await events.exec("\(stage.word)-own")
                    let bare = try await events.exec("\(stage.word)-bare")
                    let exec = own.message.processExec
                    #expect(own.process.cap.effective.count == Bundle.capabilities.count)
                    #expect(own.process.cap.effective.contains(.dacOverride))
                    #expect(bare.process.hasCap && bare.process.cap.effective.isEmpty)
                    #expect(own.process.processCredentials.euid.value == 0)
                    #expect(bare.process.processCredentials.euid.value == 1000)
                    #expect(own.process.ns.pid.inum != bare.process.ns.pid.inum)
                    #expect(bare.process.ns.net.inum == own.process.ns.net.inum && own.process.ns.net.inum != 0)
                    #expect(!own.process.ns.mnt.isHost && !own.process.ns.pid.isHost)
                    #expect(exec.parent.pid.value == UInt32(stage.initProcess))
                    #expect(
                        exec.ancestors.contains { $0.binary.hasSuffix("/\(RuncContainer.runtime)") },
                        "\(exec.ancestors.map(\.binary))")
                    #expect(exec.ancestors.contains { $0.pid.value == UInt32(getpid()) })
                    let exit = try await events.exit(of: own)
                    #expect(exit.exit.ancestors.map(\.execID) == exec.ancestors.map(\.execID))
                }
            }
        }

        @Test("the exporter writes what its lists let through, and the stream has all")
        func export() async throws {
            let word = uniqueWord("export")
            let flags = [
                "--export-allowlist", "{\"arguments_regex\": [\"^\(word)\"]}\n{\"pid\": [1]}",
                "--export-denylist", "{\"event_set\": [\"PROCESS_EXIT\"]},{\"arguments_regex\":[\"-secret$\"]}",
            ]
            try await AgentProcess.with(flags) { agent in
                try await EventStream.with(agent) { events in
                    for end in ["first", "secret", "last"] {
                        try await Command.succeed(["/bin/true", "\(word)-\(end)"])
                    }
                    try await events.settle()
                    #expect(events.all { $0.process.arguments.hasPrefix(word) }.count == 6)
                }
                var exported: [Event] = []
                try await eventually("the last line in the export file") {
                    exported = try ExportedEvents.read(agent.exportFile).filter { $0.process.pid.value != 1 }
                    return exported.contains { $0.process.arguments == "\(word)-last" }
                }
                #expect(exported.map(\.process.arguments) == ["\(word)-first", "\(word)-last"])
                #expect(exported.allSatisfy { $0.isExec })
            }
        }

        @Test("an agent with a wrong list says what is wrong where, and does not start")
        func wrongLists() async throws {
            for (flag, text, message) in [
                (
                    "--export-allowlist", #"{"binary_regex": ["a", "("]}"#,
                    "--export-allowlist[0].binary_regex[1]: invalid"
                ),
                ("--export-denylist", #"{} {"pidd": [1]}"#, "--export-denylist[1]: no filter in JSON"),
            ] {
                let outcome = try await Command.run(Artifacts.agent, flag, text)
                #expect(outcome.status == 2)
                #expect(outcome.errors.hasPrefix("apus-agent: \(message)"), "\(outcome.errors)")
            }
        }

        /// An agent, a container of a pod that waits, and another without a pod.
        final class Stage {
            let agent: AgentProcess
            let word: String
            let setup: ContainerSetup
            private(set) var plain: ContainerSetup
            private let container: RuncContainer
            private let signal: TemporaryDirectory

            var initProcess: pid_t { container.pid }

            private init(
                _ agent: AgentProcess, _ word: String, _ container: RuncContainer, _ signal: TemporaryDirectory
            ) {
                self.agent = agent
                self.word = word
                self.container = container
                self.signal = signal
                setup = container.setup
                plain = ContainerSetup()
                plain.style = .none
                plain.command = ["/bin/sh", "-c", "/bin/true \(word)-plain; :"]
            }

            static func with(_ flags: [String] = [], _ body: (Stage) async throws -> Void) async throws {
                let word = uniqueWord("act")
                let (signal, manifests) = (try TemporaryDirectory(), try TemporaryDirectory())
                var setup = ContainerSetup()
                setup.pod.name = "front-\(node)"
                setup.binds = ["/signal": signal.path]
                setup.command = [
                    "/bin/sh", "-c",
                    """
                    until [ -e /signal/go ]; do /bin/sleep 0.1; done
                    /bin/true \(word)-own
                    exec /bin/sh -c "/bin/sleep 1000; :" \(word)-entrypoint
                    """,
                ]
                let manifest = """
                    apiVersion: v1
                    kind: Pod
                    metadata:
                      name: front
                      namespace: \(setup.pod.namespace)
                      uid: \(setup.pod.uid)
                      labels: {app: front, tier: web}
                    spec:
                      containers:
                        - name: \(setup.pod.container)
                          image: \(setup.pod.image)
                          livenessProbe:
                            exec: {command: [/bin/true, \(word)-probe]}
                    """
                try manifest.write(toFile: manifests("front.yaml"), atomically: false, encoding: .utf8)
                try await AgentProcess.with(["--pod-manifests", manifests.path, "--node-name", node] + flags) { agent in
                    try await RuncContainer.with(agent, setup) { container in
                        try await body(Stage(agent, word, container, signal))
                    }
                }
            }

            /// Everything happens, and at last its end, when the entrypoint has begun its last program.
            func play() async throws {
                try await EventStream.with(agent) { events in
                    try "".write(toFile: signal("go"), atomically: false, encoding: .utf8)
                    try await container.exec("/bin/sh", "-c", "/bin/true \(word)-injected; :")
                    try await container.exec("/bin/true", "\(word)-probe")
                    try await RuncContainer.runToEnd(agent, plain)
                    try await Command.succeed(["/bin/sh", "-c", "/bin/true \(word)-host; :"])
                    try await Command.succeed([
                        "/usr/bin/setpriv", "--reuid", "1000", "--clear-groups", "--inh-caps=-all", "/bin/true",
                        "\(word)-bare",
                    ])
                    _ = try await events.first("the entrypoint") { self.name($0) == "exec entrypoint" }
                    try await Command.succeed(["/bin/true", "\(word)-end"])
                }
            }

            /// Which act an event tells of: "exec own".
            func name(_ event: Event) -> String? {
                guard ["/bin/true", "/bin/sh"].contains(event.process.binary),
                    let last = event.process.arguments.split(separator: " ").last, last.hasPrefix("\(word)-"),
                    let act = Act(rawValue: String(last.dropFirst(word.count + 1)))
                else { return nil }
                return "\(event.isExec ? "exec" : "exit") \(act.rawValue)"
            }
        }
    }
}
