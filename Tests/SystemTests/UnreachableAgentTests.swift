// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension SystemTests {
    /// Whatever is wrong with the agent: the container starts, within the hook's timeout, and the log says why it went
    /// without an identity.
    @Suite struct UnreachableAgentTests {
        private static let timeout = Duration.milliseconds(300)
        /// What the hook may take on top of it.
        private static let allowance = Duration.milliseconds(100)

        @Test(arguments: HookStage.allCases)
        func missingSocketHoldsNothingUp(_ stage: HookStage) async throws {
            let directory = try TemporaryDirectory()
            try await expectStart(stage, socket: directory("hook.sock"), saying: "No such file or directory")
        }

        @Test(arguments: HookStage.allCases)
        func socketThatAcceptsAndNeverAnswersHoldsNothingUp(_ stage: HookStage) async throws {
            let directory = try TemporaryDirectory()
            let listener = try SilentListener(path: directory("hook.sock"), full: false)
            try await expectStart(stage, socket: directory("hook.sock"), saying: "timed out")
            withExtendedLifetime(listener) {}
        }

        @Test(arguments: HookStage.allCases)
        func fullBacklogHoldsNothingUp(_ stage: HookStage) async throws {
            let directory = try TemporaryDirectory()
            let listener = try SilentListener(path: directory("hook.sock"), full: true)
            try await expectStart(
                stage, socket: directory("hook.sock"), saying: "timed out", during: "connecting to the agent")
            withExtendedLifetime(listener) {}
        }

        @Test func stoppedAgentHoldsNothingUp() async throws {
            try await AgentProcess.with { agent in
                agent.signal(SIGSTOP)
                do {
                    try await expectStart(.createContainer, socket: agent.hookSocket, saying: "timed out")
                } catch {
                    agent.signal(SIGCONT)
                    throw error
                }
                agent.signal(SIGCONT)
            }
        }

        @Test func deadAgentHoldsNothingUp() async throws {
            let agent = try AgentProcess()
            try await agent.start()
            try await agent.kill()
            #expect(FileManager.default.fileExists(atPath: agent.hookSocket))
            try await expectStart(.createContainer, socket: agent.hookSocket, saying: "Connection refused")
            // The next one is not kept from starting by what the dead one left.
            try await agent.start()
            try await agent.stop()
        }

        /// Times containers with the hook against containers without it, alternately: the least of each is what the
        /// hook makes of it, without what the machine does besides. A busy machine gets more tries.
        private func expectStart(
            _ stage: HookStage, socket: String, saying reason: String, during phase: String? = nil
        ) async throws {
            let directory = try TemporaryDirectory()
            let log = directory("hook.log")
            var ordinary = Duration.seconds(1000)
            var held = Duration.seconds(1000)
            var rounds = 0
            repeat {
                ordinary = min(ordinary, try await time([], socket: socket, log: log))
                held = min(held, try await time([stage], socket: socket, log: log))
                rounds += 1
            } while rounds < 3 || (rounds < 12 && held - ordinary >= Self.timeout + Self.allowance)
            #expect(held - ordinary < Self.timeout + Self.allowance, "\(held) against \(ordinary) without the hook")
            let text = try String(contentsOfFile: log, encoding: .utf8)
            let lines = text.split(separator: "\n").filter { $0.contains(reason) && (phase.map($0.contains) ?? true) }
            #expect(lines.count == rounds, "\(text)")
            #expect(lines.allSatisfy { $0.contains("stage=\(stage.rawValue)") && $0.contains("id=") }, "\(text)")
        }

        private func time(_ stages: [HookStage], socket: String, log: String) async throws -> Duration {
            var setup = ContainerSetup()
            setup.stages = stages
            setup.command = ["/bin/true"]
            setup.hookFlags = ["--timeout", "\(Self.timeout.components.attoseconds / 1_000_000_000_000_000)ms"]
            let directory = try TemporaryDirectory()
            let bundle = try Bundle(setup, in: directory, hookAddress: "unix://\(socket)", hookLog: log)
            let start = ContinuousClock.now
            _ = try await RuncContainer.run(bundle, setup)
            return ContinuousClock.now - start
        }
    }
}
