// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import Policies

/// Documents the language of policies.
struct PolicyExplain: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Say what a field of a policy is for, and what it may be.",
        discussion: "Without a path: of the whole. -o json prints the whole language as a JSON Schema, for editors.")

    @Argument(help: "The field, such as spec.kprobes.selectors.matchArgs.")
    var path: String?

    @Option(name: .shortAndLong, help: "The format: text, or JSON.")
    var output = PolicyValidate.Format.text

    func validate() throws {
        if output == .json, path != nil {
            throw ValidationError("-o json prints the whole language: leave the path out")
        }
    }

    func run() throws {
        guard output == .text else { return try StandardOutput.write(PolicySchema.json.lines) }
        let explanation: String
        do throws(PolicySchema.NoSuchField) {
            explanation = try PolicySchema.explanation(of: path ?? "")
        } catch {
            throw Failure(error.description.terminalSafe)
        }
        try StandardOutput.write(explanation)
    }
}
