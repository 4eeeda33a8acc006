// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// The commands on policies that ask no agent, as programs.
@Suite(.serialized, .timeLimit(.minutes(2))) struct PolicyFileTests {
    private static let valid = """
        apiVersion: cilium.io/v1alpha1
        kind: TracingPolicy
        metadata: {name: p}
        spec: {kprobes: [{call: sys_write, selectors: [{matchActions: [{action: Sigkill, argError: -1}]}]}]}

        """
    private static let namespaced = """
        apiVersion: cilium.io/v1alpha1
        kind: TracingPolicyNamespaced
        metadata: {name: q, namespace: shop}
        spec: {}

        """
    private static let hostile = """
        apiVersion: cilium.io/v1alpha1
        kind: TracingPolicy
        metadata: {name: p}
        spec: {"\\e[2J": 1}

        """

    private func validate(_ text: String, _ arguments: String = "-") async throws -> ClientRun.Outcome {
        let file = FileManager.default.temporaryDirectory.appending(path: "apus-policy-\(UUID().uuidString).yaml")
        try Data(text.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try await ClientRun(shell: "exec $apus policy validate \(arguments) <'\(file.path)'").outcome()
    }

    @Test("valid policies are named, and what has no effect is told")
    func valid() async throws {
        let outcome = try await validate(Self.valid + "---\n" + Self.namespaced)
        #expect(outcome.status == 0 && outcome.talk.isEmpty)
        #expect(
            outcome.output == """
                -:4:92: warning: spec.kprobes[0].selectors[0].matchActions[0].argError: it has no effect: Sigkill does not \
                have it, only Override, NotifyEnforcer
                -: p is valid
                -: shop/q is valid

                """)
    }

    @Test("what is wrong is told in words that a terminal only shows, and is status 1")
    func invalid() async throws {
        let outcome = try await validate(Self.hostile + "---\n" + Self.namespaced)
        #expect(outcome.status == 1 && outcome.talk == "apus: 1 of 2 policies is not valid, as said above\n")
        #expect(
            outcome.output == """
                -:4:8: spec.\\u{1b}[2J: there is no such field here: expected one of kprobes, tracepoints, uprobes, usdts, \
                lsmhooks, loader, lists, enforcers, options, podSelector, containerSelector, hostSelector
                -: shop/q is valid

                """)
    }

    @Test("for programs there is a line of JSON for each policy")
    func json() async throws {
        let outcome = try await validate(Self.hostile + "---\n" + Self.namespaced, "-o json - /nonexistent")
        let lines = outcome.output.split(separator: "\n")
        #expect(outcome.status == 1 && lines.count == 3 && !outcome.output.contains("\u{1b}"))
        let reports = try lines.map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(reports.map { $0["valid"] as? Bool } == [false, true, false])
        let problem = try #require((reports[0]["problems"] as? [[String: Any]])?.first)
        #expect(problem["path"] as? String == "spec.\u{1b}[2J" && problem["line"] as? Int == 4)
        #expect(problem["column"] as? Int == 8 && problem["found"] as? String == "\"\u{1b}[2J\"")
        #expect(reports[1]["name"] as? String == "q" && reports[1]["namespace"] as? String == "shop")
        #expect(reports[2]["failure"] as? String == "cannot read /nonexistent: No such file or directory")
    }

    @Test(
        "what is no text, no YAML or too long is one problem",
        arguments: [
            ("a: [", "-:2:1: did not find expected node content\n"),
            ("# nothing\n", "- has no policy: it says nothing\n"),
            ("a: \"\\", "-:1:5: found unknown escape character\n"),
            ("# " + String(repeating: "x", count: 1 << 20), "- is longer than 1024 KiB, which no policy needs\n"),
        ])
    func unreadable(text: String, words: String) async throws {
        let outcome = try await validate(text)
        #expect(outcome.status == 1 && outcome.output == words)
    }

    @Test("what is no file is named")
    func directory() async throws {
        let outcome = try await ClientRun("policy", "validate", "/usr").outcome()
        #expect(outcome.status == 1 && outcome.output == "cannot read /usr: Is a directory\n")
    }

    @Test("a command line that says nothing is status 2")
    func usage() async throws {
        let nothing = try await ClientRun("policy", "validate").outcome()
        #expect(nothing.status == 2 && nothing.output.isEmpty)
        let both = try await ClientRun("policy", "explain", "spec", "-o", "json").outcome()
        #expect(both.status == 2 && both.talk.contains("-o json prints the whole language: leave the path out"))
    }

    @Test("fields are explained, those that there are")
    func explanations() async throws {
        let field = try await ClientRun("policy", "explain", "spec.kprobes[0].syscall").outcome()
        #expect(field.status == 0)
        #expect(
            field.output == """
                PATH     spec.kprobes.syscall
                TYPE     true or false, may be missing
                DEFAULT  true
                ABOUT    It is a system call: the machine's prefix is added to its name.

                """)
        let unknown = try await ClientRun("policy", "explain", "spec.kprob").outcome()
        #expect(unknown.status == 1 && unknown.output.isEmpty)
        #expect(unknown.talk == "apus: spec has no field \"kprob\": did you mean kprobes?\n")
        let schema = try await ClientRun("policy", "explain", "-o", "json").outcome()
        #expect(schema.status == 0)
        #expect((try? JSONSerialization.jsonObject(with: Data(schema.output.utf8))) is [String: Any])
    }
}
