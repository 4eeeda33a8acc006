// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import SwiftProtobuf
import TetragonAPI

/// Unloads a sensor and keeps it.
struct SensorsDisable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable", abstract: "Unload a sensor and keep it for later.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var sensor: SensorName

    func run() async throws {
        _ = try await AgentConnection(address: server.serverAddress).withClient { client in
            try await client.disableSensor(.with { $0.name = sensor.name }, options: .patient)
        }
        complain("disabled \(sensor.name.terminalWord)")
    }
}
