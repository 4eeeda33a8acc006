// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import Glibc
import Models

/// The client: data on stdout, talk on stderr; exit status 0 when all went well, 1 when something failed, 2 when the
/// command line could not be understood.
@main
struct Apus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus",
        abstract: "Watch what processes and containers do on a node.",
        version: Version.current,
        subcommands: [
            GetEvents.self, Top.self, Processes.self, ListContainers.self, PolicyCommand.self, SensorsCommand.self,
            Status.self, Probe.self, LogLevelCommand.self, HookCommand.self, ShowVersion.self,
        ])

    static func main() async {
        // A reader that goes away is noticed by the write that fails.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            leave(with: error)
        }
    }

    private static func leave(with error: any Error) -> Never {
        switch error {
        case is StandardOutput.ReaderWentAway:
            Glibc.exit(EXIT_SUCCESS)
        case let failure as Failure:
            complain(failure.description)
            Glibc.exit(EXIT_FAILURE)
        default:
            break
        }
        let status = exitCode(for: error)
        switch status {
        case .success: try? StandardOutput.write(fullMessage(for: error) + "\n")
        // What was wrong is quoted there, whatever it was.
        case .validationFailure:
            let lines = fullMessage(for: error).split(separator: "\n", omittingEmptySubsequences: false)
            StandardError.write(lines.map { String($0).terminalSafe + "\n" }.joined())
        default: complain(message(for: error).terminalSafe)
        }
        Glibc.exit(status == .validationFailure ? 2 : status.rawValue)
    }
}

/// Something did not work out: what was attempted, and what can be done about it.
struct Failure: Error, CustomStringConvertible {
    var problem: String
    /// It may be otherwise in a moment.
    var mayPass: Bool
    var advice: String?

    init(_ problem: String, mayPass: Bool = false, advice: String? = nil) {
        self.problem = problem
        self.mayPass = mayPass
        self.advice = advice
    }

    var description: String { advice.map { "\(problem). \($0)" } ?? problem }
}

/// Tells the user something, beside the data.
func complain(_ text: String) {
    StandardError.write("apus: \(text)\n")
}
