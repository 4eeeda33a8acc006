// SPDX-License-Identifier: Apache-2.0
import Testing

/// One agent for all tests of a suite: `@Suite(.sharedAgent)`. It starts before the first and must stop cleanly after
/// the last.
struct SharedAgent: SuiteTrait, TestScoping {
    @TaskLocal static var current: AgentProcess?

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await AgentProcess.with { agent in
            try await Self.$current.withValue(agent) { try await function() }
        }
    }
}

extension Trait where Self == SharedAgent {
    static var sharedAgent: Self { Self() }
}

/// The suite's agent.
func agent() throws -> AgentProcess {
    guard let agent = SharedAgent.current else { throw Failure("this suite has no trait .sharedAgent") }
    return agent
}
