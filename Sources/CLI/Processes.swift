// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import GRPCCore
import SwiftProtobuf
import TetragonAPI

/// Shows the agent's table of processes.
struct Processes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the processes that the agent knows, as a tree.",
        discussion: """
            REFS says how many users a process has in the table: itself while it lives, and each process that has it as \
            its parent. One that has ended stays for as long as somebody refers to it.
            """)

    @OptionGroup var server: ServerOptions

    @Option(
        name: .shortAndLong, help: "The format: protobuf JSON, a process a line, or a tree (compact and table).")
    var output = OutputFormat.table

    @OptionGroup var colors: ColorOptions

    @Flag(help: "Leave out what nobody refers to any more.")
    var skipZeroRefcnt = false

    @Flag(help: "Leave out what is alive in the kernel's table: what remains should have been forgotten.")
    var excludeExecveMapProcesses = false

    /// An answer is one message: room for the arguments of many thousand processes.
    private static let largestAnswer = 256 << 20

    func run() async throws {
        let request = Tetragon_GetDebugRequest.with {
            $0.flag = .dumpProcessCache
            $0.dump.skipZeroRefcnt = skipZeroRefcnt
            $0.dump.excludeExecveMapProcesses = excludeExecveMapProcesses
        }
        var options = CallOptions.patient
        options.maxResponseMessageBytes = Self.largestAnswer
        // The transport bounds answers by this one.
        options.maxRequestMessageBytes = Self.largestAnswer
        let answer = try await AgentConnection(address: server.serverAddress).withClient { [options] client in
            try await client.getDebug(request, options: options)
        }
        guard case .processes(let table)? = answer.arg else {
            throw Failure("the agent has answered with something else than its processes")
        }
        switch output {
        case .json:
            for process in table.processes { try StandardOutput.write(JSONFormatter.line(process)) }
        case .compact, .table:
            let tree = ProcessTree(table.processes)
            try StandardOutput.write(tree.text(isColored: colors.isColored, width: StandardOutput.lineWidth))
        }
    }
}
