// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import GRPCCore
import TetragonAPI

/// Says how the agent is, a line for each part, and what became of all that it saw; fails when it does not run.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say how the agent is.",
        discussion: """
            Exit status 1 says that it does not run. Each sum of records, of events and of a subscriber's events holds \
            to the last one. JSON is three lines: the agent's health, its version, and its ledger, if it has one.
            """)

    @OptionGroup var server: ServerOptions

    @Option(name: .shortAndLong, help: "The format: protobuf JSON by lines, or text (compact and table are the same).")
    var output = OutputFormat.table

    @OptionGroup var colors: ColorOptions

    func run() async throws {
        let connection = AgentConnection(address: server.serverAddress)
        let (health, version, info, ledger) = try await connection.withConnection { connection in
            let client = AgentConnection.Client(wrapping: connection)
            async let health = client.getHealth(Tetragon_GetHealthStatusRequest(), options: .brief)
            async let version = client.getVersion(Tetragon_GetVersionRequest(), options: .brief)
            async let info = client.infoIfKnown()
            async let ledger = Apus_V1_Node.Client(wrapping: connection).ledgerIfKnown()
            return try await (health, version, info, ledger)
        }

        let report = StatusReport(
            server: server.serverAddress, version: version.version, health: health, info: info)
        switch output {
        case .json:
            try StandardOutput.write(
                JSONFormatter.line(health) + JSONFormatter.line(version)
                    + (ledger.map { try JSONFormatter.line($0) } ?? ""))
        case .compact, .table:
            try StandardOutput.write(
                report.text(isColored: colors.isColored)
                    + (ledger.map { LedgerReport($0).text(isColored: colors.isColored) } ?? ""))
        }
        guard report.isRunning else {
            throw Failure("the agent answers, but it does not run, or not yet; its log says more")
        }
    }
}

extension Apus_V1_Node.Client {
    /// What became of all that the agent saw; nil from one that does not know the call, or has not begun.
    fileprivate func ledgerIfKnown() async throws -> Apus_V1_GetLedgerResponse? {
        do {
            return try await getLedger(Apus_V1_GetLedgerRequest(), options: .brief)
        } catch let error as RPCError
            where [.unimplemented, .unavailable, .deadlineExceeded].contains(error.code)
        {
            return nil
        }
    }
}
