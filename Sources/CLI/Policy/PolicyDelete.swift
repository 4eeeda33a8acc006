// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import SwiftProtobuf
import TetragonAPI

/// Unloads a policy and forgets it.
struct PolicyDelete: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Unload a policy and forget it.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var policy: PolicyName

    func run() async throws {
        _ = try await AgentConnection(address: server.serverAddress).withClient { client in
            try await client.deleteTracingPolicy(
                .with {
                    $0.name = policy.name
                    $0.namespace = policy.namespace
                }, options: .patient)
        }
        complain("deleted \(policy.text)")
    }
}
