// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import Glibc

/// Which agent to ask.
struct ServerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where the agent listens: unix:///path or host:port, the latter without encryption.",
            valueName: "address"),
        transform: {
            do { return try ServerAddress(parsing: $0) } catch { throw ValidationError("\(error)") }
        })
    var serverAddress = ServerAddress.standard
}

/// How to colour what is printed.
struct ColorOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "When to use colours; NO_COLOR=1 means never, unless always is asked for.", valueName: "when"))
    var color = ColorChoice.auto

    var isColored: Bool {
        let environment = ["NO_COLOR", "TERM"].reduce(into: [String: String]()) { variables, name in
            variables[name] = getenv(name).map { String(cString: $0) }
        }
        return color.isColored(isTerminal: StandardOutput.isTerminal, environment: environment)
    }
}

extension OutputFormat: ExpressibleByArgument {}
extension ColorChoice: ExpressibleByArgument {}

/// Reads an option that is a length of time.
func duration(_ text: String) throws -> Duration {
    guard let duration = Duration(parsing: text) else {
        throw ValidationError("\(text.terminalWord) is no length of time: expected 500ms, 2s, 1m, at most a day")
    }
    return duration
}
