// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import GRPCCore
import TetragonAPI

/// Shows what the kernel lets the agent do. The agent has tried it; the client, which may have fewer rights or be on
/// another machine, tries nothing.
struct Probe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show which features of the kernel the agent has found.",
        discussion: "For each that is missing: why, and what the agent cannot do without it.")

    @OptionGroup var server: ServerOptions

    @Option(name: .shortAndLong, help: "The format: protobuf JSON, or text (compact and table are the same).")
    var output = OutputFormat.table

    @OptionGroup var colors: ColorOptions

    func run() async throws {
        let info = try await AgentConnection(address: server.serverAddress).withClient { client in
            try await client.getInfo(Tetragon_GetInfoRequest(), options: .brief)
        }
        switch output {
        case .json: try StandardOutput.write(JSONFormatter.line(info))
        case .compact, .table: try StandardOutput.write(FeatureReport(info).text(isColored: colors.isColored))
        }
    }
}

extension AgentConnection.Client {
    /// What the agent says of itself; nil from one that does not know the call.
    func infoIfKnown() async throws -> Tetragon_GetInfoResponse? {
        do {
            return try await getInfo(Tetragon_GetInfoRequest(), options: .brief)
        } catch let error as RPCError where error.code == .unimplemented {
            return nil
        }
    }
}
