// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import SwiftProtobuf
import TetragonAPI

/// Says how much the agent logs.
struct LogLevelGet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Say how much the agent logs.")

    @OptionGroup var server: ServerOptions

    @Option(name: .shortAndLong, help: "The format: protobuf JSON, or a word (compact and table are the same).")
    var output = OutputFormat.table

    func run() async throws {
        let answer = try await AgentConnection(address: server.serverAddress).withClient { client in
            try await client.getDebug(.with { $0.flag = .logLevel }, options: .brief)
        }
        switch output {
        case .json: try StandardOutput.write(JSONFormatter.line(answer))
        case .compact, .table: try LogLevelCommand.write(answer.level)
        }
    }
}
