// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing
import TetragonAPI

extension SystemTests {
    /// Containers that are made while no agent is there.
    @Suite struct SpoolTests {
        @Test(arguments: HookStage.allCases)
        func containerMadeWithoutAnAgentIsKnownToTheNextOne(_ stage: HookStage) async throws {
            let agent = try AgentProcess()
            try FileManager.default.createDirectory(
                atPath: agent.spool, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
            var setup = ContainerSetup()
            setup.stages = [stage]
            setup.cgroup = "/" + uniqueWord("apus-spooled")
            setup.pod.name = uniqueWord("pod")
            setup.hookFlags = ["--spool-dir", agent.spool]
            try await RuncContainer.with(agent, setup) { container in
                let files = { try FileManager.default.contentsOfDirectory(atPath: agent.spool) }
                #expect(try files() == [setup.id])
                try "nonsense".write(toFile: agent.spool + "/nonsense", atomically: false, encoding: .utf8)
                chmod(agent.spool + "/nonsense", 0o600)
                do {
                    try await agent.start()
                    #expect(try files().isEmpty)
                    #expect(agent.log.contains("malformed") && agent.log.contains("file=nonsense"), "\(agent.log)")
                    try await EventStream.with(agent) { events in
                        let word = uniqueWord("inside")
                        try await container.exec("/bin/true", word)
                        let process = try await events.exec(word).process
                        #expect(process.container.id == setup.id && process.pod.name == setup.pod.name)
                        #expect(process.identity.source == "spool")
                    }
                    try await agent.stop()
                    // Its file is gone; the agent after that one knows it all the same.
                    try await agent.start()
                    try await EventStream.with(agent) { events in
                        let word = uniqueWord("again")
                        try await container.exec("/bin/true", word)
                        let process = try await events.exec(word).process
                        #expect(process.container.id == setup.id && process.identity.source == "state")
                    }
                    try await agent.stop()
                } catch {
                    print("the agent's log:\n\(agent.log.suffix(4000))")
                    try? await agent.kill()
                    throw error
                }
            }
        }
    }
}
