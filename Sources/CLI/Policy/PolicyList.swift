// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import TetragonAPI

/// Lists the policies that the agent has.
struct PolicyList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the policies and how they are.")

    @OptionGroup var server: ServerOptions

    @Option(name: .shortAndLong, help: "The format: protobuf JSON, a policy a line, or a table (compact is the same).")
    var output = OutputFormat.table

    @OptionGroup var colors: ColorOptions

    func run() async throws {
        let answer = try await AgentConnection(address: server.serverAddress).withClient { client in
            try await client.listTracingPolicies(Tetragon_ListTracingPoliciesRequest(), options: .brief)
        }
        switch output {
        case .json: for policy in answer.policies { try StandardOutput.write(JSONFormatter.line(policy)) }
        case .compact, .table:
            try StandardOutput.write(PolicyTable(answer.policies).text(isColored: colors.isColored))
        }
    }
}
