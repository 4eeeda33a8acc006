// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import TetragonAPI

/// Lists the containers that the agent knows, and from whom.
struct ListContainers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "containers",
        abstract: "List the containers that the agent knows.",
        discussion: """
            SOURCE says who told of a container: the hook, or for one that was there before the agent its state \
            directory (state), the hook's spool (spool), the container runtime (runtime), the pod's status (pod), or \
            nobody but the name of its cgroup (cgroup) and its first process (procfs).
            """)

    @OptionGroup var server: ServerOptions

    @Option(
        name: .shortAndLong, help: "The format: protobuf JSON, a container a line, or a table (compact is the same).")
    var output = OutputFormat.table

    @OptionGroup var colors: ColorOptions

    func run() async throws {
        let answer = try await AgentConnection(address: server.serverAddress).withConnection { client in
            try await Apus_V1_Node.Client(wrapping: client)
                .listContainers(Apus_V1_ListContainersRequest(), options: .brief)
        }
        switch output {
        case .json:
            for container in answer.containers { try StandardOutput.write(JSONFormatter.line(container)) }
        case .compact, .table:
            try StandardOutput.write(ContainerTable(answer.containers).text(isColored: colors.isColored))
        }
    }
}
