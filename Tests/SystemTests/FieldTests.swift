// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRPCCore
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// Fields of the API that no other suite is about: each filled by something that really happens, and empty beside
    /// it where that did not happen.
    @Suite struct FieldTests {
        @Test("each event says when it was, on which node, and of which cluster where that has a name")
        func envelope() async throws {
            for cluster in ["", "east"] {
                let flags = ["--node-name", "apus-field-node"] + (cluster.isEmpty ? [] : ["--cluster-name", cluster])
                try await AgentProcess.with(flags) { agent in
                    try await EventStream.with(agent) { events in
                        let word = uniqueWord("envelope")
                        let earliest = Date().addingTimeInterval(-0.05)
                        try await Command.succeed(["/bin/sh", "-c", "/bin/sleep 0.2; :", word])
                        let latest = Date().addingTimeInterval(0.05)
                        let exec = try await events.first("the exec") {
                            $0.isExec && $0.process.arguments.hasSuffix(" \(word)")
                        }
                        let exit = try await events.exit(of: exec)
                        #expect(exec.message.time == exec.process.startTime)
                        #expect(exit.message.time == exit.exit.time && exit.exit.hasTime)
                        let lived = exit.exit.time.date.timeIntervalSince(exec.message.time.date)
                        #expect(lived >= 0.2 && exec.message.time.date >= earliest && exit.exit.time.date <= latest)
                        for event in [exec, exit] {
                            #expect(event.message.nodeName == "apus-field-node")
                            #expect(event.message.clusterName == cluster)
                            #expect(event.parent.pid.value == UInt32(getpid()))
                            #expect(event.parent.execID == event.process.parentExecID)
                        }
                    }
                }
            }
        }

        @Test("what is to be redacted leaves the agent in no event, and nothing else is touched")
        func redaction() async throws {
            let filter = #"{"redact": ["--password[= ](\\S+)"], "binary_regex": ["/true$"]}"#
            try await AgentProcess.with(["--redaction-filters", filter]) { agent in
                try await EventStream.with(agent) { events in
                    let word = uniqueWord("redacted")
                    let secret = uniqueWord("secret")
                    try await Command.succeed(["/bin/true", word, "--password", secret])
                    try await Command.succeed(["/bin/echo", word, "--password", secret])
                    try await events.settle()
                    let own = events.all { $0.process.arguments.hasPrefix(word) }
                    let (masked, plain) = ("\(word) --password *****", "\(word) --password \(secret)")
                    #expect(own.map(\.process.binary) == ["/bin/true", "/bin/true", "/bin/echo", "/bin/echo"])
                    #expect(own.map(\.process.arguments) == [masked, masked, plain, plain])
                    try await eventually("the export") {
                        try ExportedEvents.read(agent.exportFile, containing: plain).count == 2
                    }
                    #expect(try ExportedEvents.read(agent.exportFile, containing: masked).count == 2)
                }
            }
        }

        @Test("field filters leave of each event what they say, of the events that they are about")
        func fieldFilters() async throws {
            try await AgentProcess.with { agent in
                let word = uniqueWord("shaped")
                func stream(_ filter: String) async throws -> ForeignStream {
                    let request =
                        "{\"allow_list\": [{\"arguments_regex\": [\"^\(word)$\"]}], \"field_filters\": [{\(filter)}]}"
                    let stream = try ForeignStream(agent, request)
                    try await stream.subscribed()
                    return stream
                }
                let exits = #""event_set": ["PROCESS_EXIT"], "fields": "process.pid", "action": "EXCLUDE""#
                let included = try await stream(#""fields": "process.binary,signal", "action": "INCLUDE""#)
                let excluded = try await stream(exits)
                let inverted = try await stream(exits + #", "invert_event_set": true"#)
                let streams = [included, excluded, inverted]
                defer { for stream in streams { stream.stop() } }

                try await Command.succeed(["/bin/true", word])
                try await eventually("both events in each stream") {
                    try streams.allSatisfy { try $0.events.count == 2 }
                }
                let (exec, exit) = (try included.events[0], try included.events[1])
                #expect(exec.message.processExec == .with { $0.process.binary = "/bin/true" })
                #expect(exit.message.processExit == .with { $0.process.binary = "/bin/true" })
                #expect(!exec.message.nodeName.isEmpty && exec.message.hasTime)
                #expect(try excluded.events.map(\.process.hasPid) == [true, false])
                #expect(try inverted.events.map(\.process.hasPid) == [false, true])
                #expect(try inverted.events.allSatisfy { $0.process.arguments == word && $0.process.hasUid })
            }
        }

        @Test("the sensors of a running agent are told by name; the test sensor goes on, off, and away")
        func sensors() async throws {
            try await AgentProcess.with { agent in
                let tests = try ForeignStream(agent, #"{"allow_list": [{"event_set": ["TEST"]}]}"#)
                defer { tests.stop() }
                try await tests.subscribed()
                try await agent.withClient { client async throws in
                    @Sendable func isOn() async throws -> Bool? {
                        try await client.listSensors(.init()).sensors.first { $0.name == "test" }?.enabled
                    }
                    let base = try await client.listSensors(.init()).sensors.filter { $0.collection == "__base__" }
                    #expect(base.first?.name == "__base__" && base.count > 3 && base.allSatisfy(\.enabled))
                    #expect(try await isOn() == false)
                    _ = try await client.enableSensor(.with { $0.name = "test" })
                    #expect(try await isOn() == true)
                    try await Command.succeed(["/bin/true", "apus-test", "7"])
                    try await eventually("the test event") { try tests.events.map(\.message.test.arg0) == [7] }
                    _ = try await client.disableSensor(.with { $0.name = "test" })
                    #expect(try await isOn() == false)
                    let error = await #expect(throws: RPCError.self) {
                        _ = try await client.removeSensor(.with { $0.name = "__base__" })
                    }
                    #expect(error?.code == .failedPrecondition)
                    _ = try await client.removeSensor(.with { $0.name = "test" })
                    #expect(try await isOn() == nil)
                    // Their programs keep no stacks, and there is no policy that could.
                    let tree = try await client.getStackTraceTree(.with { $0.name = "__base__" })
                    #expect(tree.hasRoot && tree.root == .init())
                    #expect(try await client.listTracingPolicies(.init()).policies.isEmpty)
                }
                // It is away: the marker is an argument like any other.
                try await EventStream.with(agent) { events in
                    try await Command.succeed(["/bin/true", "apus-test", "1"])
                    try await events.settle()
                    #expect(events.all.contains { $0.process.arguments == "apus-test 1" })
                    #expect(try tests.events.count == 1)
                }
            }
        }

        @Test("the running agent tells its version, the kernel's features and the options in effect")
        func info() async throws {
            try await AgentProcess.with(["--node-name", "apus-field-node"]) { agent in
                let (info, version) = try await agent.withClient {
                    (try await $0.getInfo(.init()), try await $0.getVersion(.init()).version)
                }
                #expect(info.name == "apus" && info.version == version && version.contains(/^\d+\.\d+/))
                let btf = try #require(info.probes.first { $0.name == "btf" })
                #expect(btf.hasEnabled && btf.enabled.value && btf.reason.isEmpty)
                for missing in info.probes where !missing.enabled.value {
                    #expect(!missing.reason.isEmpty && !missing.without.isEmpty, "\(missing)")
                }
                let node = try #require(info.conf.first { $0.key == "node-name" })
                #expect(try Google_Protobuf_StringValue(unpackingAny: node.value).value == "apus-field-node")
            }
        }

        @Test("references are counted in the running agent's table, and by what they were taken")
        func references() async throws {
            try await AgentProcess.with { agent in
                let word = uniqueWord("parent")
                let shell = try Command([
                    "/bin/sh", "-c", "for i in 1 2 3; do /bin/true; done; /bin/sleep 1000; :", word,
                ])
                defer { shell.signal(SIGKILL) }
                var seen: Tetragon_ProcessInternal?
                try await eventually("the shell and its last child in the table") {
                    let dump = try await agent.withClient { client in
                        try await client.getDebug(.with { $0.flag = .dumpProcessCache })
                    }
                    #expect(dump.flag == .dumpProcessCache)
                    seen = dump.processes.processes.first { $0.process.pid.value == UInt32(shell.pid) }
                    return seen?.refcntOps["parent--"] == 7 && seen?.refcnt.value == 2
                }
                // Four children: each took one when it was forked, and another when it executed instead of that.
                #expect(seen?.refcntOps == ["process++": 1, "parent++": 8, "parent--": 7])
                #expect(seen?.color == "inUse" && seen?.process.arguments.hasSuffix(word) == true)
                for child in try await Self.children(of: shell.pid) { kill(child, SIGKILL) }
            }
        }

        /// So that nothing of a shell remains when it is killed.
        private static func children(of pid: pid_t) async throws -> [pid_t] {
            let text = FileManager.default.contents(atPath: "/proc/\(pid)/task/\(pid)/children") ?? Data()
            return String(decoding: text, as: UTF8.self).split(separator: " ").compactMap { pid_t($0) }
        }
    }

    /// What Kubernetes and the runtime know of a pod beside its names.
    @Suite(.sharedAgent, .sharedContainerd) struct PodFieldTests {
        private static let node = "apus-field-node"
        private static let manifest = """
            apiVersion: v1
            kind: Pod
            metadata:
              name: front
              namespace: \(Pod().namespace)
              uid: 5b0c7d0e-3e8b-4f5c-9a57-1c7f0f9d6a32
              labels: {app: front, pod-template-hash: 7f9c}
              ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: front-7f9c, uid: u, controller: true}]
            spec:
              hostNetwork: true
              containers: [{name: web, image: "\(ContainerdImage.name)"}]
            """

        @Test("labels and workload come from the manifest, the image's digest and the start from the runtime")
        func pod() async throws {
            let manifests = try TemporaryDirectory()
            try Self.manifest.write(toFile: manifests("front.yaml"), atomically: false, encoding: .utf8)
            let flags = [
                "--pod-manifests", manifests.path, "--node-name", Self.node,
                "--cri-endpoint", "unix://\(try containerd().socket)",
            ]
            var setup = CRIPodSetup("front-\(Self.node)")
            setup.pod.uid = "5b0c7d0e-3e8b-4f5c-9a57-1c7f0f9d6a32"
            try await AgentProcess.with(flags) { agent in
                try await EventStream.with(agent) { events in
                    let earliest = Date().addingTimeInterval(-0.05)
                    let told = try await Self.pod(events, setup)
                    let latest = Date().addingTimeInterval(0.05)
                    #expect(told.podLabels == ["app": "front", "pod-template-hash": "7f9c"])
                    #expect(told.workload == "front" && told.workloadKind == "Deployment")
                    #expect(told.container.image.id.contains("sha256:"), "\(told.container)")
                    #expect(told.container.image.name == ContainerdImage.name)
                    #expect(told.container.hasStartTime && told.container.startTime.date >= earliest)
                    #expect(told.container.startTime.date <= latest)

                    // No manifest tells of this one.
                    let other = try await Self.pod(events, CRIPodSetup())
                    #expect(other.podLabels.isEmpty && other.workload.isEmpty && other.workloadKind.isEmpty)
                    #expect(other.container.image.id == told.container.image.id)
                }
            }
        }

        @Test("of a container that only the hook told of nobody knows digest and start")
        func hookAlone() async throws {
            try await AgentProcess.with { agent in
                try await EventStream.with(agent) { events in
                    let word = uniqueWord("hook-alone")
                    var setup = ContainerSetup()
                    setup.command = ["/bin/true", word]
                    try await RuncContainer.runToEnd(agent, setup)
                    let container = try await events.exec(word).process.pod.container
                    #expect(container.image.name == setup.pod.image && container.image.id.isEmpty)
                    #expect(!container.hasStartTime && container.id == "containerd://\(setup.id)")
                }
            }
        }

        /// The pod as an exec in its container tells of it.
        private static func pod(_ events: EventStream, _ setup: CRIPodSetup) async throws -> Tetragon_Pod {
            let word = uniqueWord("told")
            var told: Tetragon_Pod?
            try await CRIPod.with(containerd(), setup) { pod in
                let container = try await pod.start()
                _ = try await events.first("the entrypoint") { $0.isIn(container) && $0.process.phase == .phaseTree }
                try await container.exec(["/bin/true", word], by: .execSync)
                told = try await events.exec(word).process.pod
            }
            return try #require(told)
        }
    }
}
