// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import SwiftProtobuf
import TetragonAPI

/// Unloads a policy and keeps it.
struct PolicyDisable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable", abstract: "Unload a policy and keep it for later.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var policy: PolicyName

    func run() async throws {
        _ = try await AgentConnection(address: server.serverAddress).withClient { client in
            try await client.disableTracingPolicy(
                .with {
                    $0.name = policy.name
                    $0.namespace = policy.namespace
                }, options: .patient)
        }
        complain("disabled \(policy.text)")
    }
}
