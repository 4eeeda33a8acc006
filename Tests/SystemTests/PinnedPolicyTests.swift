// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// Policies that outlive their agent, by what every kernel can do: whoever opens a file is killed.
    @Suite struct PinnedPolicyTests {
        /// What a policy's programs hang on.
        enum Means: String, CaseIterable {
            case tracepoint, systemCall, userFunction, binary, container
        }

        private static let keeps = ["--keep-sensors-on-exit"]
        private static let killed: Int32 = 128 + SIGKILL

        private static func yaml(_ name: String, _ path: String, _ means: Means = .tracepoint) throws -> String {
            let deed = try Artifacts.testProgram("deed")
            let (hook, index) =
                switch means {
                case .systemCall: ("kprobes:\n  - call: sys_openat", 1)
                // By which it makes the call.
                case .userFunction: ("uprobes:\n  - path: \(deed)\n    symbols: [syscall]", 2)
                default: ("tracepoints:\n  - subsystem: syscalls\n    event: sys_enter_openat", 6)
                }
            let scope = means == .container ? "containerSelector: {matchLabels: {name: web}}" : "options: []"
            // What runs by the name that it was given.
            let binaries =
                means == .binary ? "\n    - matchBinaries: [{operator: In, values: [\(deed)]}]\n      " : "\n    - "
            return """
                apiVersion: cilium.io/v1alpha1
                kind: TracingPolicy
                metadata:
                  name: \(name)
                spec:
                  \(scope)
                  \(hook)
                    args:
                    - {index: \(index), type: string}
                    selectors:\(binaries)matchArgs:
                      - {index: \(index), operator: Equal, values: [\(path)]}
                      matchActions:
                      - action: Sigkill

                """
        }

        private static func open(_ path: String) async throws -> Int32 {
            try await Command([try Artifacts.testProgram("deed"), "openat", path]).outcome().status
        }

        /// Does it so often, and then until there is a file `stop`; prints how often that was, and how often it was not killed.
        private static func attempts(_ count: Int, _ path: String, until stop: String = "/") throws -> Command {
            let script = """
                n=0; i=0
                while [ $i -lt \(count) ] || ! [ -e "$2" ]; do
                    "$0" openat "$1"; [ $? = \(killed) ] || n=$((n+1)); i=$((i+1))
                done
                echo $i $n
                """
            return try Command(["/bin/sh", "-c", script, try Artifacts.testProgram("deed"), path, stop])
        }

        private static func counts(_ attempts: Command) async throws -> (all: Int, passed: Int) {
            let outcome = try await attempts.outcome(within: .seconds(300))
            let match = try #require(outcome.output.firstMatch(of: /(\d+) (\d+)/), "\(outcome)")
            return (try #require(Int(match.1)), try #require(Int(match.2)))
        }

        @Test(
            "a policy goes on killing after its agent was killed, also when nobody empties the ring, until the next is ready",
            arguments: [Means.tracepoint, .systemCall, .userFunction, .binary])
        func killedAgent(_ means: Means) async throws {
            let path = "/tmp/\(uniqueWord("pinned"))"
            try await BPFFileSystem.with {
                let agent = try AgentProcess(Self.keeps + ["--rb-size", "64K"])
                try await agent.start()
                try await agent.add(try Self.yaml("left", path, means))
                #expect(try await Self.open(path) == Self.killed)
                #expect(try await Self.open(path + "-other") == ENOENT)
                try await agent.kill()
                // The ring has room for some two hundred records.
                #expect(try await Self.counts(try Self.attempts(500, path)).passed == 0)
                #expect(try await Self.open(path + "-other") == ENOENT)
                // The client's policy is nobody's now.
                try await agent.start()
                #expect(try await agent.policies.isEmpty)
                #expect(try await Self.open(path) == ENOENT)
                // Fails if anything is left below its directory.
                try await agent.stop()
            }
        }

        @Test("an agent that is stopped leaves its policies; without the flag, the next one takes them along")
        func stoppedAgent() async throws {
            let path = "/tmp/\(uniqueWord("pinned"))"
            try await BPFFileSystem.with {
                let agent = try AgentProcess()
                try await agent.start(Self.keeps)
                try await agent.add(try Self.yaml("left", path))
                try await agent.stop(keepsSensors: true)
                #expect(try await Self.open(path) == Self.killed)
                try await agent.start()
                #expect(try await Self.open(path) == ENOENT)
                try await agent.add(try Self.yaml("own", path))
                #expect(try await Self.open(path) == Self.killed)
                try await agent.stop()
                #expect(try await Self.open(path) == ENOENT)
            }
        }

        @Test("what is not released is listed, replaced by a policy of its name, and can be deleted")
        func leftovers() async throws {
            let path = "/tmp/\(uniqueWord("pinned"))"
            try await BPFFileSystem.with {
                let agent = try AgentProcess()
                try await agent.start(Self.keeps)
                for name in ["one", "other"] { try await agent.add(try Self.yaml(name, "\(path)-\(name)")) }
                try await agent.kill()

                try await agent.start(["--release-pinned-bpf=false"])
                var left = try await agent.policies
                #expect(left.map(\.name) == ["one", "other"])
                #expect(left.allSatisfy { $0.state == .tpStateEnabled && $0.info.contains("an earlier agent left it") })
                #expect(try await Self.open("\(path)-one") == Self.killed)
                let error = await #expect(throws: (any Error).self) {
                    _ = try await agent.withClient { try await $0.disableTracingPolicy(.with { $0.name = "one" }) }
                }
                #expect("\(error.map { "\($0)" } ?? "")".contains("what an earlier agent left"))
                // In one program with the other, which stays.
                try await agent.add(try Self.yaml("one", "\(path)-new"))
                left = try await agent.policies
                #expect(left.map(\.name) == ["other", "one"])
                #expect(left.map { $0.info.isEmpty } == [false, true])
                #expect(try await Self.open("\(path)-one") == ENOENT)
                #expect(try await Self.open("\(path)-new") == Self.killed)
                #expect(try await Self.open("\(path)-other") == Self.killed)
                try await agent.delete("other")
                #expect(try await Self.open("\(path)-other") == ENOENT)
                try await agent.stop()
            }
        }

        @Test("agents with directories of their own leave each other's policies alone")
        func sideBySide() async throws {
            let path = "/tmp/\(uniqueWord("pinned"))"
            try await BPFFileSystem.with {
                let agent = try AgentProcess()
                try await agent.start(Self.keeps)
                try await agent.add(try Self.yaml("left", path))
                try await agent.kill()
                try await AgentProcess.with(Self.keeps) { other in
                    let (policies, status) = (try await other.policies, try await Self.open(path))
                    #expect(policies.isEmpty && status == Self.killed)
                }
                #expect(try await Self.open(path) == Self.killed)
                try await agent.start()
                try await agent.stop()
                #expect(try await Self.open(path) == ENOENT)
            }
        }

        @Test(
            "nothing passes while the agent is killed, at any moment of its start too, stopped and started over and over"
        )
        func restarts() async throws {
            let (directory, word) = (try TemporaryDirectory(), try TemporaryDirectory())
            let path = "/tmp/\(uniqueWord("pinned"))"
            try Self.yaml("kept", path).write(toFile: directory("kept.yaml"), atomically: true, encoding: .utf8)
            try await BPFFileSystem.with {
                let agent = try AgentProcess(Self.keeps + ["--tracing-policy-dir", directory.path])
                try await agent.start()
                let attempts = try Self.attempts(
                    Artifacts.count("APUS_KILLED", default: 2000), path, until: word("stop"))
                defer { attempts.signal(SIGKILL) }
                for round in 0..<Artifacts.count("APUS_POLICY_RESTARTS", default: 4) {
                    if round % 2 == 0 { try await agent.kill() } else { try await agent.stop(keepsSensors: true) }
                    let starting = Task { try await agent.start() }
                    try await Task.sleep(for: .milliseconds(Int.random(in: 100...3000)))
                    try await agent.kill()
                    _ = await starting.result
                    try await agent.start()
                }
                try "".write(toFile: word("stop"), atomically: true, encoding: .utf8)
                let (all, passed) = try await Self.counts(attempts)
                #expect(passed == 0)
                report("of \(all) attempts \(passed) passed while the agent was killed, stopped and started")
                // With the policy's file it would stay.
                try FileManager.default.removeItem(atPath: directory("kept.yaml"))
                try await eventually("the policy's end") { try await agent.policies.isEmpty }
                try await agent.stop()
                #expect(try await Self.open(path) == ENOENT)
            }
        }

        @Test("in a container it holds on, also in cgroups that are made inside of it; not in one that comes later")
        func containers() async throws {
            let path = "/tmp/\(uniqueWord("pinned"))"
            try await BPFFileSystem.with {
                let agent = try AgentProcess(Self.keeps)
                try await agent.start()
                var setup = ContainerSetup()
                setup.programs = ["deed"]
                try await agent.add(try Self.yaml("left", path, .container))
                try await RuncContainer.with(agent, setup) { container in
                    try await agent.kill()
                    func open() async throws -> Int32 {
                        let command = ["exec", container.id, "/deed", "openat", path]
                        return try await Command(RuncContainer.command(command)).outcome().status
                    }
                    #expect(try await open() == Self.killed)
                    #expect(try await Self.open(path) == ENOENT)
                    let nested = try cgroupDirectory(of: container.pid) + "/nested"
                    try FileManager.default.createDirectory(atPath: nested, withIntermediateDirectories: false)
                    let script = "echo $$ >\(nested)/cgroup.procs && exec \"$0\" openat \"$1\""
                    let inside = try Command(["/bin/sh", "-c", script, try Artifacts.testProgram("deed"), path])
                    #expect(try await inside.outcome().status == Self.killed)
                    try FileManager.default.removeItem(atPath: nested)
                    var later = ContainerSetup()
                    later.programs = ["deed"]
                    later.command = ["/bin/sh", "-c", "/deed openat \(path); [ $? = \(ENOENT) ]"]
                    try await RuncContainer.runToEnd(agent, later)
                    try await agent.start(["--release-pinned-bpf=false"])
                    #expect(try await open() == Self.killed)
                    #expect(try await agent.policies.map(\.name) == ["left"])
                    try await agent.delete("left")
                    #expect(try await open() == ENOENT)
                }
                try await agent.stop()
            }
        }
    }
}
