// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore

/// What the agent watches beyond processes.
struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "Add, list and remove policies; judge and explain them without an agent.",
        subcommands: [
            PolicyAdd.self, PolicyList.self, PolicyStatus.self, PolicyDelete.self, PolicyEnable.self,
            PolicyDisable.self, PolicySetMode.self, PolicyDump.self, PolicyValidate.self, PolicyPlan.self,
            PolicyExplain.self,
        ],
        aliases: ["tracingpolicy", "tp"])
}

/// Which policy is meant.
struct PolicyName: ParsableArguments {
    @Argument(help: "The policy's name.")
    var name: String

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp("The policy's namespace; none for one of the whole cluster.", valueName: "name"))
    var namespace = ""

    /// For people, safe for terminals.
    var text: String {
        (namespace.isEmpty ? "" : namespace.terminalWord + "/") + name.terminalWord
    }
}
