// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import SwiftProtobuf
import TetragonAPI

/// Lets a policy do what it says, or only say so.
struct PolicySetMode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set-mode",
        abstract: "Let a policy do what it says, or only say so.",
        discussion: """
            In the mode monitor, events say what would have been done. The mode stays what it was set to when the policy \
            is replaced, disabled and enabled.
            """)

    @OptionGroup var server: ServerOptions
    @OptionGroup var policy: PolicyName

    @Argument(help: "The mode.")
    var mode: Mode

    enum Mode: String, CaseIterable, ExpressibleByArgument {
        case enforce, monitor

        fileprivate var message: Tetragon_TracingPolicyMode { self == .enforce ? .tpModeEnforce : .tpModeMonitor }
    }

    func run() async throws {
        _ = try await AgentConnection(address: server.serverAddress).withClient { client in
            try await client.configureTracingPolicy(
                .with {
                    $0.name = policy.name
                    $0.namespace = policy.namespace
                    $0.mode = mode.message
                }, options: .patient)
        }
        complain("set \(policy.text) to \(mode.rawValue)")
    }
}
