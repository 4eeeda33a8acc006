// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing
import TetragonAPI

extension SystemTests {
    /// Annotations that say one pod, of a container that is another's by its runtime's records: whoever may talk to the
    /// runtime can write annotations.
    @Suite struct ContradictionTests {
        /// - Parameter isToldAtStart: the agent hears of it at its start, having a stored word of the hook's.
        @Test(arguments: [false, true])
        func annotationsThatTheRuntimeContradictsAreSaidAndCountedOnce(isToldAtStart: Bool) async throws {
            let (runtime, scratch) = (OneContainerRuntime(), try TemporaryDirectory())
            let agent = try AgentProcess(["--cri-endpoint", "unix://\(scratch("cri.sock"))"])
            try await runtime.serve(at: scratch("cri.sock")) {
                do {
                    try await agent.start()
                    try await RuncContainer.with(agent) { container in
                        var truth = container.setup.pod
                        runtime.tell(container.id, pid: container.pid, of: truth)
                        try await Self.haveTheRuntimeAsked(agent)
                        #expect(Self.lines(agent).isEmpty)
                        #expect(try await Self.count(agent) == nil)

                        (truth.namespace, truth.name, truth.container) = ("kube-system", "true-1", "true")
                        runtime.tell(container.id, pid: container.pid, of: truth)
                        if isToldAtStart {
                            try await agent.stop()
                            try await agent.start()
                        } else {
                            try await Self.haveTheRuntimeAsked(agent)
                        }
                        try await eventually("the agent's line") { !Self.lines(agent).isEmpty }
                        try await Self.haveTheRuntimeAsked(agent)
                        let line = try #require(Self.lines(agent).first)
                        #expect(Self.lines(agent).count == 1 && line.contains("level=warn"), "\(line)")
                        for field in [
                            "id=\(container.id)", "annotations=shop/front-7f9c/web", "runtime=kube-system/true-1/true",
                        ] { #expect(line.contains(field), "\(line)") }
                        #expect(try await Self.count(agent) == 1)

                        // The hook's word stands.
                        try await EventStream.with(agent) { events in
                            let word = uniqueWord("after")
                            try await container.exec("/bin/true", word)
                            let process = try await events.exec(word).process
                            #expect(process.pod.name == "front-7f9c" && process.pod.namespace == "shop", "\(process)")
                            #expect(process.identity.source == (isToldAtStart ? "state" : "hook"))
                        }
                    }
                    try await agent.stop()
                } catch {
                    print("the agent's log:\n\(agent.log.suffix(4000))")
                    try? await agent.kill()
                    throw error
                }
            }
        }

        private static func lines(_ agent: AgentProcess) -> [Substring] {
            agent.log.split(separator: "\n").filter { $0.contains("say something else than its runtime") }
        }

        private static func count(_ agent: AgentProcess) async throws -> Int? {
            try await agent.healthDetails.firstMatch(of: /(\d+) containers whose runtime contradicts/).flatMap {
                Int($0.1)
            }
        }

        /// A container that no hook tells of has every runtime asked; runc's records name it, and that is seen.
        private static func haveTheRuntimeAsked(_ agent: AgentProcess) async throws {
            var setup = ContainerSetup()
            setup.stages = []
            let word = uniqueWord("asked")
            setup.command = ["/bin/sh", "-c", "while :; do /bin/true \(word); sleep 0.1; done"]
            try await EventStream.with(agent) { events in
                try await RuncContainer.with(agent, setup) { _ in
                    _ = try await events.first("the runtime's word on another container") {
                        $0.process.arguments == word && $0.process.identity.source == "runtime"
                    }
                }
            }
        }
    }
}
