// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import TetragonAPI

/// Lists the sensors.
struct SensorsList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the sensors and whether they are loaded.")

    @OptionGroup var server: ServerOptions

    @Option(name: .shortAndLong, help: "The format: protobuf JSON, a sensor a line, or a table (compact is the same).")
    var output = OutputFormat.table

    @OptionGroup var colors: ColorOptions

    func run() async throws {
        let answer = try await AgentConnection(address: server.serverAddress).withClient { client in
            try await client.listSensors(Tetragon_ListSensorsRequest(), options: .brief)
        }
        switch output {
        case .json: for sensor in answer.sensors { try StandardOutput.write(JSONFormatter.line(sensor)) }
        case .compact, .table: try StandardOutput.write(SensorTable(answer.sensors).text(isColored: colors.isColored))
        }
    }
}
