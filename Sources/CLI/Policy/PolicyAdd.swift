// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import Policies
import SwiftProtobuf
import TetragonAPI

/// Loads policies.
struct PolicyAdd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Load policies from files.",
        discussion: "The first that the agent refuses ends it; those before it stay loaded.")

    @OptionGroup var server: ServerOptions

    @Argument(
        help: "YAML documents, a policy each; - is stdin.", completion: .file(extensions: ["yaml", "yml"]))
    var files: [String]

    private static let longestPolicy = 1 << 20

    func run() async throws {
        let connection = AgentConnection(address: server.serverAddress)
        for file in files {
            let yaml = try StandardInput.text(of: file, atMost: Self.longestPolicy)
            let policies = PolicyReader.texts(of: yaml)
            for (number, policy) in zip(1..., policies) {
                do {
                    _ = try await connection.withClient { client in
                        try await client.addTracingPolicy(.with { $0.yaml = policy }, options: .patient)
                    }
                } catch let failure as Failure {
                    let which = policies.count == 1 ? "" : ", policy \(number) of \(policies.count),"
                    throw Failure("\(file.terminalWord)\(which) was not added: \(failure)")
                }
            }
            complain("added \(file.terminalWord)" + (policies.count == 1 ? "" : ": \(policies.count) policies"))
        }
    }
}
