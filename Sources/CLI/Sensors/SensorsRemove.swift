// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import SwiftProtobuf
import TetragonAPI

/// Unloads a sensor and forgets it.
struct SensorsRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Unload a sensor and forget it.", aliases: ["rm"])

    @OptionGroup var server: ServerOptions
    @OptionGroup var sensor: SensorName

    func run() async throws {
        _ = try await AgentConnection(address: server.serverAddress).withClient { client in
            try await client.removeSensor(.with { $0.name = sensor.name }, options: .patient)
        }
        complain("removed \(sensor.name.terminalWord)")
    }
}
