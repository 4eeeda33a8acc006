// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing
import TetragonAPI

extension SystemTests {
    /// An agent that dies in the middle of a registration: the container starts, and the next agent knows it.
    @Suite struct FailpointTests {
        private static let steps = [
            "request-received", "container-entered", "init-armed", "container-registered", "registration-stored",
        ]

        @Test(arguments: steps, HookStage.allCases)
        func containerIsKnownAfterItsAgentDiedAt(_ step: String, _ stage: HookStage) async throws {
            let agent = try AgentProcess()
            // Once, so that the directories are there.
            try await agent.start()
            try await agent.stop()
            try await agent.start(failpoint: step)
            var setup = ContainerSetup()
            setup.stages = [stage]
            setup.command = ["/bin/sh", "-c", "while :; do /bin/true own; sleep 0.05; done"]
            setup.hookFlags = ["--spool-dir", agent.spool]
            do {
                try await RuncContainer.with(agent, setup) { container in
                    try await agent.death()
                    try await agent.start()
                    try await EventStream.with(agent) { events in
                        let own = try await events.first("a child in the tree") {
                            $0.isExec && $0.isIn(container) && $0.process.arguments == "own"
                        }
                        #expect(own.isInInitTree && own.process.pod.name == setup.pod.name, "\(own.testDescription)")
                        #expect(own.process.pod.container.name == setup.pod.container)
                        // Before the store has it, the hook's own note is what is left.
                        let source = own.process.identity.source
                        #expect(source == "state" || step != "registration-stored", "\(source)")
                        #expect(["state", "spool"].contains(source))
                        let word = uniqueWord("injected")
                        try await container.exec("/bin/true", word)
                        let injected = try await events.exec(word)
                        #expect(injected.isIn(container) && injected.isInjected, "\(injected.testDescription)")
                        #expect(injected.process.execOrigin.kind == .originRuntimeExec)
                    }
                    try await agent.stop()
                }
            } catch {
                print("the agent's log:\n\(agent.log.suffix(4000))")
                try? await agent.kill()
                throw error
            }
        }

        // MARK: What happens between the look and the answer

        /// A process in a cgroup that root's hook tells of, and an agent that stops when it has armed it.
        private struct Interrupted {
            let agent: AgentProcess
            let name = uniqueWord("interrupted")
            let root: String
            let scratch: TemporaryDirectory
            var cgroup: String { root + "/" + name }

            /// The child waits, and executes what its pipe tells it.
            ///
            /// - Parameter isToldBefore: the hook is called twice, and has its answer to the first call.
            func call(
                id: String, timeout: String, isToldBefore: Bool = false, after meanwhile: () async throws -> Void
            ) async throws -> Command.Outcome {
                let state = #"{\"ociVersion\":\"1.0.2\",\"id\":\"\#(id)\",\"pid\":$child,\"bundle\":\"/nowhere\"}"#
                let caller = try Command([
                    "/bin/sh", "-c",
                    """
                    mkdir -p \(cgroup); mkfifo \(scratch("pipe")) 2>/dev/null
                    /bin/sh -c 'read word < \(scratch("pipe")); exec /bin/true $word' & child=$!
                    echo $child > \(scratch("child")); echo $child > \(cgroup)/cgroup.procs
                    tell() {
                        printf %s "\(state)" | \(Artifacts.hook) createRuntime \\
                            --agent-address unix://\(agent.hookSocket) --fail-closed --log-file /proc/none/x "$@"
                    }
                    \(isToldBefore ? "tell --timeout 30s && touch \(scratch("told")) || exit 9" : ":")
                    tell --timeout \(timeout)
                    status=$?
                    [ -e \(scratch("keep")) ] || kill -9 $child
                    wait $child 2>/dev/null; exit $status
                    """,
                ])
                func stopped() async throws {
                    try await eventually("the agent to stop") { try processState(of: agent.pid) == "T" }
                }
                do {
                    try await stopped()
                    if isToldBefore {
                        agent.signal(SIGCONT)
                        try await eventually("the first answer") { access(scratch("told"), F_OK) == 0 }
                        try await stopped()
                    }
                    try await meanwhile()
                } catch {
                    agent.signal(SIGCONT)
                    throw error
                }
                agent.signal(SIGCONT)
                return try await caller.outcome()
            }

            var child: String {
                get throws {
                    try String(contentsOfFile: scratch("child"), encoding: .utf8)
                        .trimmingCharacters(in: .whitespacesAndNewlines)
                }
            }
        }

        private func withInterrupted(_ body: (Interrupted) async throws -> Void) async throws {
            let agent = try AgentProcess()
            do {
                try await agent.start(failpoint: "init-armed:stop")
                let interrupted = Interrupted(
                    agent: agent, root: try agent.cgroupRoot, scratch: try TemporaryDirectory())
                try await body(interrupted)
                try await agent.stop()
                try await eventually("the cgroup to be empty") { rmdir(interrupted.cgroup) == 0 || errno == ENOENT }
            } catch {
                print("the agent's log:\n\(agent.log.suffix(4000))")
                agent.signal(SIGCONT)
                try? await agent.kill()
                throw error
            }
        }

        @Test func initThatHasLeftItsCgroupMeanwhileIsNotTaken() async throws {
            try await withInterrupted { interrupted in
                let outcome = try await interrupted.call(id: "first", timeout: "30s") {
                    try interrupted.child.write(
                        toFile: interrupted.root + "/cgroup.procs", atomically: false, encoding: .utf8)
                }
                #expect(outcome.status == 1 && outcome.errors.contains("has left its cgroup"), "\(outcome.errors)")
                // Nothing is left of it: the cgroup is another's to have.
                let other = try await interrupted.call(id: "second", timeout: "30s") {}
                #expect(other.status == 0, "\(other.errors)")
                #expect(try await !knownIDs(interrupted.agent).contains("first"))
            }
        }

        /// The container may run by now: what its init executes next need not be its first program.
        /// What an earlier hook of the same container had its answer to stays as it was.
        @Test(arguments: [false, true])
        func hookThatHasGivenUpMeanwhileIsNotAnswered(isToldBefore: Bool) async throws {
            try await withInterrupted { interrupted in
                let (agent, word) = (interrupted.agent, uniqueWord("late"))
                try Data().write(to: URL(filePath: interrupted.scratch("keep")))
                // The caller ends when the child has executed its program.
                let caller = Task {
                    try await interrupted.call(id: "late", timeout: "300ms", isToldBefore: isToldBefore) {
                        try await Task.sleep(for: .milliseconds(800))
                    }
                }
                do {
                    try await eventually("the refusal") { agent.log.contains("did not wait for the answer") }
                    try await EventStream.with(agent) { events in
                        try word.appending("\n").write(
                            toFile: interrupted.scratch("pipe"), atomically: false, encoding: .utf8)
                        let exec = try await events.exec(word)
                        #expect(exec.isInInitTree == isToldBefore, "\(exec.testDescription)")
                        #expect(exec.process.container.id == (isToldBefore ? "late" : ""))
                    }
                } catch {
                    _ = try? await Command.run("/bin/kill", "-9", interrupted.child)
                    throw error
                }
                let outcome = try await caller.value
                #expect(outcome.status == 1 && outcome.errors.contains("timed out"), "\(outcome.errors)")
                #expect(try await knownIDs(agent) == (isToldBefore ? ["late"] : []))
            }
        }

        /// Its agent dies between the store and the answer, and the next one is there before the init's own program: what
        /// runs until then makes the container, what runs from then on is the container.
        @Test func initThatHadNotBegunWhenItsAgentDiedBeginsTheTreeAfterwards() async throws {
            let (agent, scratch) = (try AgentProcess(), try TemporaryDirectory())
            let name = uniqueWord("unbegun")
            let (setup, own) = (uniqueWord("setup"), uniqueWord("own"))
            try await agent.start(failpoint: "registration-stored")
            let cgroup = try agent.cgroupRoot + "/" + name
            let state = #"{\"ociVersion\":\"1.0.2\",\"id\":\"\#(name)\",\"pid\":$child,\"bundle\":\"/nowhere\"}"#
            let runtime = try Command([
                "/bin/sh", "-c",
                """
                mkdir \(cgroup); mkfifo \(scratch("pipe"))
                /bin/sh -c 'read word < \(scratch("pipe")); /bin/true \(setup); exec /bin/true \(own)' & child=$!
                echo $child > \(cgroup)/cgroup.procs
                printf %s "\(state)" | \(Artifacts.hook) createRuntime --agent-address unix://\(agent.hookSocket) \
                    --fail-closed --log-file /proc/none/x --timeout 30s
                wait $child
                """,
            ])
            do {
                try await agent.death()
                try await agent.start()
                #expect(agent.log.contains("container known from before"), "\(agent.log.suffix(2000))")
                try await EventStream.with(agent) { events in
                    try "go\n".write(toFile: scratch("pipe"), atomically: false, encoding: .utf8)
                    let program = try await events.exec(own)
                    #expect(program.process.container.id == name && program.isInInitTree, "\(program.process)")
                    #expect(program.process.phase == .phaseTree && program.process.identity.source == "state")
                    let before = try await events.exec(setup)
                    #expect(before.process.container.id == name && !before.isInInitTree, "\(before.process)")
                    #expect(before.process.phase == .phaseSetup)
                }
                _ = try await runtime.outcome()
                try await agent.stop()
                try await eventually("the cgroup to be empty") { rmdir(cgroup) == 0 || errno == ENOENT }
            } catch {
                print("the agent's log:\n\(agent.log.suffix(4000))")
                // Whoever still waits at the pipe is let go.
                try? "go\n".write(toFile: scratch("pipe"), atomically: false, encoding: .utf8)
                try? await agent.kill()
                throw error
            }
        }

        private func knownIDs(_ agent: AgentProcess) async throws -> [String] {
            let outcome = try await Command.succeed([
                Artifacts.client, "containers", "--server-address", agent.address, "-o", "json",
            ])
            return outcome.output.matches(of: /"(first|second|late)"/).map { String($0.1) }
        }
    }
}
