// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRPCCore
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests.AttackTests {
    // MARK: Strangers on the node

    private static func stranger(_ words: [String]) -> [String] {
        ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] + words
    }

    @Test func mainSocketTakesRootsHooksOnly() async throws {
        let agent = try agent()
        chmod(agent.socket, 0o666)
        defer { chmod(agent.socket, 0o600) }
        let words = [
            "/bin/sh", "-c",
            call(.createRuntime, id: "web", hook: try Artifacts.hook, socket: agent.socket),
        ]
        let stranger = try await Command(Self.stranger(words)).outcome()
        #expect(stranger.status == 1)
        #expect(stranger.errors.contains("is for root on this socket"), "\(stranger.errors)")
        let root = try await Command(words).outcome()
        #expect(root.status == 1 && !root.errors.contains("is for root on this socket"), "\(root.errors)")
    }

    @Test func idleConnectionsKeepNoHookFromBeingServed() async throws {
        let agent = try agent()
        let count = 1000
        let script = """
            import resource, socket, sys
            held = []
            for _ in range(\(count)):
                s = socket.socket(socket.AF_UNIX)
                s.connect(sys.argv[1])
                held.append(s)
            print("held", flush=True)
            import time
            time.sleep(60)
            """
        let holder = try Command(
            Self.stranger(["/bin/sh", "-c", "ulimit -n 4096; exec /usr/bin/python3 -c '\(script)' \(agent.hookSocket)"])
        )
        defer { holder.signal(SIGKILL) }
        try await eventually("the connections") { holder.outputSoFar.contains("held") }
        var least = Int.max
        for _ in 0..<3 {
            var setup = ContainerSetup()
            setup.command = ["/bin/true"]
            setup.stages = [.createRuntime]
            try await RuncContainer.runToEnd(agent, setup)
            let line = try String(contentsOfFile: agent.hookLog, encoding: .utf8).split(separator: "\n").last {
                $0.contains("id=\(setup.id)") && $0.contains("the agent knows the container")
            }
            let took = line?.firstMatch(of: /took_us=(\d+)/).flatMap { Int($0.1) }
            least = min(least, try #require(took, "the hook was not served"))
        }
        report("hook beside \(count) idle connections of a stranger: \(least) us")
        #expect(least < 100_000)
        let details = try await agent.healthDetails
        let closed = details.firstMatch(of: /(\d+) connections closed as too many/).flatMap { Int($0.1) }
        #expect((closed ?? 0) >= count - 16, "\(details)")
    }

    @Test func connectionThatDoesNotCallIsClosedInTenSeconds() async throws {
        let script = """
            import socket, sys, time
            s = socket.socket(socket.AF_UNIX); s.settimeout(30); s.connect(sys.argv[1])
            start = time.monotonic()
            while s.recv(4096): pass
            print(time.monotonic() - start)
            """
        let outcome = try await Command.succeed(["python3", "-c", script, agent().hookSocket])
        let seconds = try #require(Double(outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect((9...14).contains(seconds))
    }

    @Test func refusalsAreCountedByCauseAndDoNotFillTheLog() async throws {
        try await AgentProcess.with { agent in
            #expect(try await !agent.healthDetails.contains("refused"))
            let calls = try (0..<120).map { try outside(agent, .createRuntime, id: "flood-\($0)", pid: "1") + "; " }
            let before = ContinuousClock.now
            _ = try await Command.run("/bin/sh", "-c", calls.joined())
            let elapsed = before.duration(to: .now) / Duration.seconds(1)
            let details = try await agent.healthDetails
            #expect(details.contains("120 registrations refused (120 invalid)"), "\(details)")
            let lines = agent.log.split(separator: "\n").filter { $0.contains("container refused") }
            #expect(!lines.isEmpty && lines.count <= 21 + Int(5 * elapsed), "\(lines.count) in \(elapsed) s")
            // What was left out is told by the next line that may be written.
            try await Task.sleep(for: .seconds(1))
            _ = try await Command.run("/bin/sh", "-c", calls[0])
            let last = agent.log.split(separator: "\n").last { $0.contains("container refused") } ?? ""
            #expect(last.contains("suppressed="), "\(last)")
        }
    }

    // MARK: What they say

    @Test(arguments: [
        "../../etc/shadow", ".hidden", "a/b", #"a\\nlevel=info msg=forged"#, #"a\\u0000b"#,
        String(repeating: "a", count: 100_000),
    ])
    func idThatIsNoneIsRefusedAndForgesNothing(id: String) async throws {
        let agent = try agent()
        let directory = try TemporaryDirectory()
        try outside(agent, .createRuntime, id: id, pid: "2").write(
            toFile: directory("call.sh"), atomically: false, encoding: .utf8)
        let outcome = try await Command.run("/bin/sh", directory("call.sh"))
        #expect(outcome.status == 1)
        #expect(!agent.log.split(separator: "\n").contains { $0.hasPrefix("level=info msg=forged") })
        #expect(agent.log.split(separator: "\n").allSatisfy { $0.utf8.count < 4096 })
    }

    @Test(arguments: ["pod-name\\nlevel=info", "\(String(repeating: "p", count: 100_000))"])
    func podThatIsNoneIsRefused(name: String) async throws {
        let agent = try agent()
        let directory = try TemporaryDirectory()
        try #"{"annotations":{"io.kubernetes.cri.sandbox-name":"\#(name)"}}"#.write(
            toFile: directory("config.json"), atomically: false, encoding: .utf8)
        let cgroup = uniqueWord("pod")
        let outcome = try await asRoot(
            agent, cgroup: cgroup,
            outside(agent, .createRuntime, id: cgroup, pid: "$child", bundle: directory.path))
        #expect(outcome.status == 1 && outcome.errors.contains("podName"), "\(outcome.errors)")
    }

    /// No hook sends so many; whoever does calls without one.
    @Test(arguments: [2048, 2049])
    func moreAnnotationsThanAnybodyWritesAreRefused(count: Int) async throws {
        let request = Tetragon_RuntimeHookRequest.with {
            $0.createContainer.containerID = "web"
            $0.createContainer.hook.stage = "createRuntime"
            for number in 0..<count { $0.createContainer.annotations["\(number)"] = "x" }
        }
        let error = await #expect(throws: RPCError.self) {
            try await agent().withClient { _ = try await $0.runtimeHook(request) }
        }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("annotations are more than 2048") == (count > 2048), "\(error as Any)")
    }

    /// As crun makes it: the claimed directory is the container's, and the init is in one below.
    @Test func initThatIsOneDeeperBeginsTheTree() async throws {
        let agent = try agent()
        let (name, word) = (uniqueWord("deeper"), uniqueWord("begun"))
        let scratch = try TemporaryDirectory()
        try #"{"linux":{"cgroupsPath":"/\#(name)"}}"#.write(
            toFile: scratch("config.json"), atomically: false, encoding: .utf8)
        let directory = try agent.cgroupRoot + "/" + name
        let call = try outside(agent, .createRuntime, id: name, pid: "$child", bundle: scratch.path)
        try await EventStream.with(agent) { events in
            let outcome = try await Command.run(
                "/bin/sh", "-c",
                """
                mkdir -p \(directory)/container; mkfifo \(scratch("pipe"))
                /bin/sh -c 'read word < \(scratch("pipe")); exec /bin/true $word' & child=$!
                echo $child > \(directory)/container/cgroup.procs
                \(call); status=$?
                echo \(word) > \(scratch("pipe")); wait $child; exit $status
                """)
            #expect(outcome.status == 0, "\(outcome.errors)")
            let exec = try await events.exec(word)
            #expect(exec.isInInitTree && exec.process.container.id == name, "\(exec.testDescription)")
        }
        try await removeCgroup(directory + "/container")
        try await removeCgroup(directory)
    }

    /// In createContainer the image's files are around the hook.
    @Test(arguments: HookStage.allCases)
    func imageThatBringsTheHooksFilesChangesNothing(_ stage: HookStage) async throws {
        let agent = try agent()
        var setup = ContainerSetup()
        setup.stages = [stage]
        setup.files = [
            "/config.json":
                #"{"annotations":{"io.kubernetes.cri.sandbox-name":"stolen"},"linux":{"cgroupsPath":"/x"}}"#,
            "/etc/ld.so.preload": "/evil.so", "/etc/passwd": "root:x:0:0::/:/evil", "/state.json": "{}",
        ]
        try await EventStream.with(agent) { events in
            try await RuncContainer.with(agent, setup) { container in
                let entrypoint = try await events.first("the entrypoint") {
                    $0.isExec && $0.isIn(container) && $0.process.binary == "/bin/sleep"
                }
                #expect(entrypoint.process.pod.name == setup.pod.name)
            }
        }
    }
}
