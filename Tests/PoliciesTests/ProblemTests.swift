// SPDX-License-Identifier: Apache-2.0
import Foundation
import Models
import Testing

@testable import Policies

/// Each kind of thing that can be wrong, with the exact words: problems.txt.
@Suite struct ProblemTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var frame = ""
        var text: [String] = []
        var words: [String] = []

        var testDescription: String { text.joined(separator: "⏎") }

        var document: String {
            let text = text.joined(separator: "\n")
            return switch frame {
            case "spec": Document.with(spec: text)
            case "kprobe": Document.with(kprobe: text)
            case "selector": Document.with(selector: text)
            case "action": Document.with(action: text)
            default: text
            }
        }
    }

    static let cases: [Case] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "problems.txt")
        let lines = ((try? String(contentsOf: file, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
        var cases: [Case] = []
        for line in lines.drop(while: { !$0.hasPrefix("# ") }) {
            if line.hasPrefix("# ") {
                cases.append(Case(frame: String(line.dropFirst(2))))
            } else if line.hasPrefix("=> ") {
                cases[cases.count - 1].words.append(String(line.dropFirst(3)))
            } else {
                cases[cases.count - 1].text.append(line)
            }
        }
        return cases
    }()

    @Test("what is wrong is said in these words", arguments: cases)
    func words(of text: Case) {
        #expect(!text.words.isEmpty)
        #expect(problems(text.document) == text.words)
    }

    @Test("all cases are there")
    func everyFrame() {
        #expect(Self.cases.count > 100)
        #expect(Set(Self.cases.map(\.frame)) == ["document", "spec", "kprobe", "selector", "action"])
    }

    @Test("what was expected, found and meant is there for programs, too")
    func parts() throws {
        let text = Document.with(selector: "matchArgs: [{index: 0, operator: Equals, values: [a]}]")
        let error = try #require(throws: PolicyProblems.self) { try PolicyReader.policy(of: text) }
        let problem = try #require(error.problems.first)
        #expect(problem.path == "spec.kprobes[0].selectors[0].matchArgs[0].operator")
        #expect((problem.line, problem.column) == (10, 40))
        #expect(problem.expected?.hasPrefix("one of Equal, NotEqual, ") == true)
        #expect(problem.found == "\"Equals\"" && problem.nearest == "Equal")
        #expect(error.description.hasPrefix("line 10: spec.kprobes[0].selectors[0].matchArgs[0].operator: expected"))
    }

    @Test("all problems of a document are told in the order of the text, twenty of them and how many more")
    func many() {
        let probes = (0..<30).map { "- {call: f\($0), x: 1}" }.joined(separator: "\n")
        let found = problems(Document.with(spec: "bad: 1\nkprobes:\n\(probes)"))
        #expect(found.count == 21 && found.last == "11 more")
        #expect(
            found[0] == "6:3: spec.bad: there is no such field here: expected one of kprobes, tracepoints, uprobes, "
                + "usdts, lsmhooks, loader, lists, enforcers, options, podSelector, containerSelector, hostSelector")
        #expect(found[19].hasPrefix("26:17: spec.kprobes[18].x: "))
    }

    @Test("what is wrong in one place hides nothing in another")
    func several() {
        let found = problems(
            Document.with(
                spec: """
                    kprobes:
                    - call: a
                      selectors:
                      - matchArgs: [{index: 0, operator: Equal, values: ['1']}]
                      - matchPIDs: [{operator: In, values: [x]}]
                    - call: list:none
                      tags: {}
                    - call: list:none
                    lists: []
                    """))
        #expect(
            found.map { $0.split(separator: ": ")[1] } == [
                "spec.kprobes[0].selectors[0].matchArgs[0].index",
                "spec.kprobes[0].selectors[1].matchPIDs[0].values[0]",
                "spec.kprobes[1].tags", "spec.kprobes[2].call",
            ])
    }

    @Test(
        "what has no effect is a warning",
        arguments: [
            (
                "selectors: [{matchActions: [{action: Sigkill, argError: -1}]}]",
                "8:61: warning: spec.kprobes[0].selectors[0].matchActions[0].argError: "
                    + "it has no effect: Sigkill does not have it, only Override, NotifyEnforcer"
            ),
            (
                "selectors: [{matchActions: [{action: Post, rateLimitScope: global}]}]",
                "8:64: warning: spec.kprobes[0].selectors[0].matchActions[0].rateLimitScope: "
                    + "it has no effect: there is no rateLimit"
            ),
            (
                "returnArg: {type: int}",
                "8:16: warning: spec.kprobes[0].returnArg: it has no effect: return is not true"
            ),
            (
                "args: [{index: 0, type: int, sizeArgIndex: 2}]",
                "8:48: warning: spec.kprobes[0].args[0].sizeArgIndex: it has no effect: int has no size of its own"
            ),
            (
                "args: [{index: 0, type: string, maxData: true}]",
                "8:46: warning: spec.kprobes[0].args[0].maxData: it has no effect: string is always read whole"
            ),
        ])
    func warnings(text: String, words: String) throws {
        let document = try #require(try PolicyReader.documents(of: Document.with(kprobe: text)).first)
        #expect(throws: Never.self) { try document.result.get() }
        #expect(document.warnings.map(\.warning) == [words])
    }

    @Test(
        "the name that was meant",
        arguments: [
            ("kprobe", "kprobes"), ("KPROBES", "kprobes"), ("kpobres", "kprobes"), ("lsmhook", "lsmhooks"),
            ("podselector", "podSelector"),
            ("xy", nil), ("", nil), ("list", "lists"), ("podSelectro", "podSelector"),
            (String(repeating: "k", count: 10_000), nil),
        ] as [(String, String?)])
    func nearest(name: String, meant: String?) {
        #expect(nearestName(to: name, among: ["kprobes", "lists", "podSelector", "lsmhooks", "x"]) == meant)
    }
}
