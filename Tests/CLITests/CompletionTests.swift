// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// What shells and manual pages are made from.
@Suite(.serialized, .timeLimit(.minutes(1))) struct CompletionTests {
    /// What bash offers for the last of these words.
    private func offered(_ words: String) async throws -> Set<String> {
        let script = """
            set -u
            source <($apus --generate-completion-script bash)
            COMP_LINE="\(words)"; COMP_POINT=${#COMP_LINE}
            read -ra COMP_WORDS <<<"$COMP_LINE"
            [[ $COMP_LINE != *' ' ]] || COMP_WORDS+=('')
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=()
            set +u
            _apus apus "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
            printf '%s\\n' "${COMPREPLY[@]}"
            """
        let outcome = try await ClientRun(shell: script).outcome()
        #expect(outcome.talk.isEmpty)
        return Set(outcome.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) })
    }

    @Test func bashOffersCommandsFlagsAndValues() async throws {
        #expect(try await offered("apus ").isSuperset(of: ["getevents", "top", "policy", "loglevel"]))
        #expect(try await offered("apus policy ").isSuperset(of: ["add", "list", "delete", "enable", "disable"]))
        #expect(try await offered("apus getevents -o ") == ["json", "compact", "table"])
        #expect(try await offered("apus getevents -e PROCESS_EX") == ["PROCESS_EXEC", "PROCESS_EXIT"])
        #expect(try await offered("apus loglevel set ").isSuperset(of: ["debug", "info"]))
        #expect(try await offered("apus hook install --stage ") == ["createRuntime", "createContainer"])
        #expect(try await offered("apus top --col") == ["--color"])
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func everyShellHasAScript(_ shell: String) async throws {
        let outcome = try await ClientRun("--generate-completion-script", shell).outcome()
        #expect(outcome.status == 0 && outcome.output.contains("getevents") && outcome.output.contains("PROCESS_EXEC"))
    }

    // MARK: - What manual pages are made from

    private struct Tool: Decodable { var command: Command }
    private struct Command: Decodable {
        var commandName: String
        var abstract: String?
        var arguments: [Argument]?
        var subcommands: [Command]?
    }
    private struct Argument: Decodable {
        var valueName: String?
        var abstract: String?
    }

    private func everyCommand() async throws -> [Command] {
        let outcome = try await ClientRun("--experimental-dump-help").outcome()
        var waiting = [try JSONDecoder().decode(Tool.self, from: Data(outcome.output.utf8)).command]
        var commands: [Command] = []
        while let command = waiting.popLast() {
            commands.append(command)
            waiting += command.subcommands ?? []
        }
        return commands
    }

    @Test func everyCommandAndEveryFlagSaysWhatItIs() async throws {
        let commands = try await everyCommand()
        #expect(commands.count > 25)
        // The words of the library's own command are its own.
        for command in commands where command.commandName != "help" {
            #expect(command.abstract?.hasSuffix(".") == true, "\(command.commandName)")
            for argument in command.arguments ?? [] {
                #expect(argument.abstract?.isEmpty == false, "\(command.commandName) \(argument.valueName ?? "?")")
            }
        }
    }
}
