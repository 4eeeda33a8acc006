// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import SwiftProtobuf
import TetragonAPI

/// Changes how much the agent logs.
struct LogLevelSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set", abstract: "Change how much the agent logs.",
        discussion: "Prints the level from now on, as the agent says it.")

    @OptionGroup var server: ServerOptions

    @Argument(help: "What is logged at least: panic, fatal, error, warn, info, debug or trace.")
    var level: LogLevelName

    @Option(name: .shortAndLong, help: "The format: protobuf JSON, or a word (compact and table are the same).")
    var output = OutputFormat.table

    func run() async throws {
        let request = Tetragon_SetDebugRequest.with {
            $0.flag = .logLevel
            $0.level = level.level
        }
        let answer = try await AgentConnection(address: server.serverAddress).withClient { client in
            try await client.setDebug(request, options: .brief)
        }
        switch output {
        case .json: try StandardOutput.write(JSONFormatter.line(answer))
        case .compact, .table: try LogLevelCommand.write(answer.level)
        }
    }
}
