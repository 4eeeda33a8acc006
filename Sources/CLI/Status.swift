// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import GRPCCore
import TetragonAPI

/// Says how the agent is, a line for each part; fails when it does not run.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say how the agent is.",
        discussion: "Exit status 1 says that it does not run. JSON is two lines: the agent's health, and its version.")

    @OptionGroup var server: ServerOptions

    @Option(name: .shortAndLong, help: "The format: protobuf JSON by lines, or text (compact and table are the same).")
    var output = OutputFormat.table

    @OptionGroup var colors: ColorOptions

    func run() async throws {
        let connection = AgentConnection(address: server.serverAddress)
        let (health, version, info) = try await connection.withClient { client in
            async let health = client.getHealth(Tetragon_GetHealthStatusRequest(), options: .brief)
            async let version = client.getVersion(Tetragon_GetVersionRequest(), options: .brief)
            async let info = client.infoIfKnown()
            return try await (health, version, info)
        }

        let report = StatusReport(
            server: server.serverAddress, version: version.version, health: health, info: info)
        switch output {
        case .json:
            try StandardOutput.write(JSONFormatter.line(health) + JSONFormatter.line(version))
        case .compact, .table:
            try StandardOutput.write(report.text(isColored: colors.isColored))
        }
        guard report.isRunning else {
            throw Failure("the agent answers, but it does not run, or not yet; its log says more")
        }
    }
}
