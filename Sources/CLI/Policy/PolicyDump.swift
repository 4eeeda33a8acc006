// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import SwiftProtobuf
import TetragonAPI

/// What the kernel has of the policies.
struct PolicyDump: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump",
        abstract: "Say what the kernel has of all policies: programs, their rows, and what these count.",
        discussion: """
            For whoever looks for a fault. JSON: a line with what all have in common, then a line for each program.
            """)

    @OptionGroup var server: ServerOptions

    func run() async throws {
        var answer = try await AgentConnection(address: server.serverAddress).withConnection { client in
            try await Apus_V1_Node.Client(wrapping: client).dumpPolicies(
                Apus_V1_DumpPoliciesRequest(), options: .patient)
        }
        let programs = answer.programs
        answer.programs = []
        try StandardOutput.write(JSONFormatter.line(answer))
        for program in programs { try StandardOutput.write(JSONFormatter.line(program)) }
    }
}
