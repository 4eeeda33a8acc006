// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// What the agent has loaded into the kernel.
struct SensorsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sensors",
        abstract: "List sensors, load and unload them.",
        discussion: "A sensor is what is loaded into the kernel together: one of the agent's own, or a policy's.",
        subcommands: [SensorsList.self, SensorsEnable.self, SensorsDisable.self, SensorsRemove.self])
}

/// Which sensor is meant.
struct SensorName: ParsableArguments {
    @Argument(help: "The sensor's name, as apus sensors list has it.")
    var name: String
}
