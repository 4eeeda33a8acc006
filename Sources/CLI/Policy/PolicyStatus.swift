// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import TetragonAPI

/// Tells of one policy.
struct PolicyStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Say how a policy's hooks are, and what each of their selectors has done.",
        discussion: "Hooks and selectors are counted from 0, as in the policy's text.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var policy: PolicyName

    @Option(name: .shortAndLong, help: "The format: protobuf JSON, or a table (compact is the same).")
    var output = OutputFormat.table

    @OptionGroup var colors: ColorOptions

    func run() async throws {
        let answer = try await AgentConnection(address: server.serverAddress).withClient { client in
            try await client.listTracingPolicies(Tetragon_ListTracingPoliciesRequest(), options: .brief)
        }
        let found = answer.policies.filter { $0.name == policy.name && $0.namespace == policy.namespace }
        guard !found.isEmpty else { throw Failure("the agent has no policy \(policy.text)") }
        // What an earlier agent has left of it has a status of its own.
        for status in found {
            switch output {
            case .json: try StandardOutput.write(JSONFormatter.line(status))
            case .compact, .table: try StandardOutput.write(PolicyHooks(status).text(isColored: colors.isColored))
            }
        }
    }
}
