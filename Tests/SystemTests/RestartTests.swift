// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// What survives the agent.
    ///
    /// Of containers that run through a restart the agent keeps all that the hook has told, what is in their own tree
    /// and what was injected after the restart. Not kept: the injected processes of before that were handed on to the
    /// container's init.
    @Suite struct RestartTests {
        @Test func runningContainersKeepWhatCanBeKnown() async throws {
            let agent = try AgentProcess()
            try await agent.start()
            do {
                try await withContainers(agent) { containers in
                    try await underLoad(agent) {
                        for _ in 0..<Artifacts.count("APUS_RESTARTS", default: 1) {
                            try await agent.stop()
                            try await agent.start()
                            for container in containers { try await expectKept(container, agent) }
                            try await agent.kill()
                            try await agent.start()
                            for container in containers { try await expectKept(container, agent) }
                        }
                        try await expectWholeIdentityOfNewContainer(agent)
                    }
                }
                // Fails if a socket or something in bpffs is left.
                try await agent.stop()
            } catch {
                print("the agent's log:\n\(agent.log.suffix(4000))")
                try? await agent.kill()
                throw error
            }
        }

        @Test func processesAcrossTheStartAreKnownOnceEach() async throws {
            let word = uniqueWord("storm")
            let sleeper = try Command(["/bin/sleep", "1000.\(UInt32.random(in: 1...UInt32.max))"])
            defer { sleeper.signal(SIGKILL) }
            let storm = try Command([
                "/bin/sh", "-c", "n=0; while :; do n=$((n+1)); /bin/true \(word) $n; (: subshell); done",
            ])
            defer { storm.signal(SIGKILL) }
            try await Task.sleep(for: .milliseconds(200))

            let agent = try AgentProcess()
            try await agent.start()
            try await EventStream.with(agent) { events in
                _ = try await events.first("the storm") { $0.process.arguments.hasPrefix(word) }
                try await Task.sleep(for: .seconds(1))
                storm.signal(SIGKILL)
                try await events.settle()
            }
            try await agent.stop()

            // The file has what came before the first subscriber too.
            let events = try ExportedEvents.read(agent.exportFile)
            let execs = events.filter(\.isExec)
            #expect(Set(execs.map(\.process.execID)).count == execs.count, "an exec_id was given twice")
            #expect(execs.count { $0.process.pid.value == UInt32(sleeper.pid) } == 1)
            #expect(
                execs.first { $0.process.pid.value == UInt32(sleeper.pid) }?.process.flags.contains("procFS") == true)

            let known = Set(execs.map(\.process.execID))
            let ends = events.filter { $0.isExit && $0.process.binary == "/bin/true" }
            #expect(Set(ends.map(\.process.execID)).count == ends.count)
            #expect(ends.allSatisfy { known.contains($0.process.execID) }, "an exit without its exec")
            #expect(events.filter { $0.process.flags.contains("unknown") }.map(\.testDescription) == [])
            let numbers = execs.filter { $0.process.arguments.hasPrefix(word + " ") }.compactMap {
                Int($0.process.arguments.dropFirst(word.count + 1))
            }
            let first = try #require(numbers.min())
            #expect(numbers.sorted() == Array(first..<first + numbers.count), "a gap in the storm")
            report("storm across the start: \(numbers.count) processes without a gap, from number \(first) on")
        }

        /// One container in three makes: a CRI runtime's, one in the host's pid namespace, one with a name for an id.
        private func withContainers(
            _ agent: AgentProcess, _ body: ([RuncContainer]) async throws -> Void
        ) async throws {
            var plain = ContainerSetup()
            plain.command = ["/bin/sh", "-c", "while :; do /bin/true own; sleep 0.05; done"]
            var host = plain
            host.id = ContainerSetup().id
            host.sharesHostPids = true
            var named = plain
            named.id = uniqueWord("restart")
            named.style = .none
            try await RuncContainer.with(agent, plain) { plain in
                try await RuncContainer.with(agent, host) { host in
                    try await RuncContainer.with(agent, named) { named in
                        try await body([plain, host, named])
                    }
                }
            }
        }

        /// Containers that come and go, and processes without end, while `body` runs.
        private func underLoad(_ agent: AgentProcess, _ body: () async throws -> Void) async throws {
            // The machine's idle time alone, all of it.
            let processes = try Command(["nice", "-n", "19", "/bin/sh", "-c", "while :; do /bin/true load; done"])
            defer { processes.signal(SIGKILL) }
            let containers = Task {
                while !Task.isCancelled {
                    var setup = ContainerSetup()
                    setup.command = ["/bin/true"]
                    setup.stages = [HookStage.allCases.randomElement()!]
                    let begin = ContinuousClock.now
                    try await RuncContainer.runToEnd(agent, setup)
                    // Half of the time, so that one emulated CPU does what is tested, too.
                    try await Task.sleep(for: ContinuousClock.now - begin)
                }
            }
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
            containers.cancel()
            // No container failed because its agent was away.
            do { try await containers.value } catch is CancellationError {}
            try outcome.get()
        }

        private func expectKept(_ container: RuncContainer, _ agent: AgentProcess) async throws {
            try await EventStream.with(agent) { events in
                let own = try await events.first("a new child in the tree of \(container.id)") {
                    $0.isExec && $0.isIn(container) && $0.process.arguments == "own"
                }
                #expect(own.isInInitTree, "\(own.testDescription)")
                #expect(own.process.docker == String(container.id.prefix(15)))
                #expect(own.process.identity.source == "state" && own.process.container.id == container.id)
                #expect(own.process.pod.name == (container.setup.style == .none ? "" : container.setup.pod.name))
                let word = uniqueWord("injected")
                try await container.exec("/bin/true", word)
                let injected = try await events.exec(word)
                #expect(injected.isIn(container) && injected.isInjected, "\(injected.testDescription)")
            }
        }

        private func expectWholeIdentityOfNewContainer(_ agent: AgentProcess) async throws {
            try await EventStream.with(agent) { events in
                var setup = ContainerSetup()
                setup.command = ["/bin/true", uniqueWord("new")]
                try await RuncContainer.runToEnd(agent, setup)
                let exec = try await events.exec(setup.command[1])
                #expect(exec.isInInitTree && exec.process.container.id == setup.id)
                #expect(exec.process.pod.name == setup.pod.name)
            }
        }
    }
}
