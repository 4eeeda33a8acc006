// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import GRPCCore
import Models
import TetragonAPI

/// Says the versions of the client and of the agent.
struct ShowVersion: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Say the versions of this client and of the agent.",
        discussion: "JSON is the agent's answer alone.")

    @OptionGroup var server: ServerOptions

    @Option(name: .shortAndLong, help: "The format: protobuf JSON, or text (compact and table are the same).")
    var output = OutputFormat.table

    func run() async throws {
        if output != .json {
            try StandardOutput.write("client  \(Version.current)\n")
        }
        let connection = AgentConnection(address: server.serverAddress)
        let answer = try await connection.withClient { client in
            try await client.getVersion(Tetragon_GetVersionRequest(), options: .brief)
        }
        switch output {
        case .json: try StandardOutput.write(JSONFormatter.line(answer))
        case .compact, .table: try StandardOutput.write("agent   \(answer.version.terminalSafe)\n")
        }
    }
}
