// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import SwiftProtobuf
import TetragonAPI

/// Loads a policy again.
struct PolicyEnable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "enable", abstract: "Load a policy that was disabled.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var policy: PolicyName

    func run() async throws {
        _ = try await AgentConnection(address: server.serverAddress).withClient { client in
            try await client.enableTracingPolicy(
                .with {
                    $0.name = policy.name
                    $0.namespace = policy.namespace
                }, options: .patient)
        }
        complain("enabled \(policy.text)")
    }
}
