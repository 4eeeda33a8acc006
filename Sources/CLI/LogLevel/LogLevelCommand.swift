// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import TetragonAPI

/// How much the agent logs.
struct LogLevelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "loglevel",
        abstract: "See or change how much the agent logs.",
        discussion: "A change lasts until the agent is started anew.",
        subcommands: [LogLevelGet.self, LogLevelSet.self])

    /// A level as data on stdout.
    static func write(_ level: Tetragon_LogLevel) throws {
        let name = LogLevelName(level)?.rawValue ?? "level \(level.rawValue), which this client does not know"
        try StandardOutput.write(name + "\n")
    }
}

extension LogLevelName: ExpressibleByArgument {}
