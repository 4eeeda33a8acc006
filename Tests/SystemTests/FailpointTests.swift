// SPDX-License-Identifier: Apache-2.0
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
    }
}
