// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import SwiftProtobuf
import TetragonAPI

/// Loads a sensor.
struct SensorsEnable: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "enable", abstract: "Load a sensor.")

    @OptionGroup var server: ServerOptions
    @OptionGroup var sensor: SensorName

    func run() async throws {
        _ = try await AgentConnection(address: server.serverAddress).withClient { client in
            try await client.enableSensor(.with { $0.name = sensor.name }, options: .patient)
        }
        complain("enabled \(sensor.name.terminalWord)")
    }
}
