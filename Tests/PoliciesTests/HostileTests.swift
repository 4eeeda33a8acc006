// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Policies

/// What comes from people who wish us ill, or from a broken disk.
@Suite(.timeLimit(.minutes(5))) struct HostileTests {
    @Test("bombs do not go off")
    func bombs() {
        var wide = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...20 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            wide += "a\(level): &a\(level) [\(aliases)]\n"
        }
        #expect(problem(wide).hasSuffix("it has more than 20000 nodes, counting aliases' contents"))
        #expect(problem(String(repeating: "[", count: 100_000)) == "1:65: it is nested deeper than 64 levels")
        #expect(problem(String(repeating: "{a: ", count: 100_000)) == "1:257: it is nested deeper than 64 levels")
    }

    @Test("a text longer than any policy is not read")
    func size() {
        let text = Document.with(spec: "# " + String(repeating: "x", count: 1 << 20))
        #expect(problem(text) == "1:1: the text is longer than 1024 KiB, which no policy needs")
    }

    @Test("names are shortened, however long they are")
    func longNames() {
        let name = String(repeating: "k", count: 100_000)
        let found = problems(Document.with(spec: "? \(name)\n: 1\n? \(name)\n: 2\nkprobes: \(name)"))
        #expect(found.count == 3 && found.allSatisfy { $0.utf8.count < 400 })
        #expect(
            found[2].hasSuffix("spec.kprobes: expected a list, found \"" + String(repeating: "k", count: 57) + "...\""))
        let value = problem(Document.with(kprobe: "message: \(name)"))
        #expect(value.hasSuffix("expected a message of at most 256 bytes, found 100000 bytes"))
    }

    @Test("names of aliases and tags are shortened, also where one character is all of them")
    func longReferences() {
        let name = String(repeating: "n", count: 100_000)
        #expect(problem("a: *\(name)").utf8.count < 200)
        #expect(problem("a: !<\(name)> b").utf8.count < 200)
        #expect(problem("a: !e" + String(repeating: "%CC%81", count: 100_000) + " b").utf8.count < 400)
    }

    @Test("directives without end, which the parser compares with each other, are refused at once")
    func directives() {
        func document(_ count: Int) -> String {
            (0..<count).map { "%TAG !\(String($0, radix: 16))! x\n" }.joined() + "---\na: 1\n"
        }
        let clock = ContinuousClock()
        let time = clock.measure {
            #expect(problem(document(60_000)) == "101:1: more than 100 lines begin with %, as directives do")
        }
        #expect(time < .seconds(5))
        #expect(!problem(document(100)).contains("directives"))
    }

    @Test("thousands of problems take no longer than one")
    func manyProblems() {
        let probes = (0..<250).map { _ in
            "- {call: 5, args: [{}, {}, {}, {}, {}], selectors: [{a: b}, {c: d}, {}, {}, {}]}"
        }
        let clock = ContinuousClock()
        let time = clock.measure {
            let found = problems(Document.with(spec: "kprobes:\n" + probes.joined(separator: "\n")))
            #expect(found.count == 21)
        }
        #expect(time < .seconds(20))
    }

    @Test("control characters and NUL are refused by YAML, or only quoted")
    func controls() {
        #expect(problem("a: \0").hasSuffix("control characters are not allowed"))
        #expect(problem(Document.with(spec: "\u{1b}[2J: 1")).hasSuffix("control characters are not allowed"))
        let escaped = Document.with(spec: "\"\\e[2J\\0\": 1\nkprobes: [{call: \"a\\0b\"}]")
        #expect(problems(escaped).count == 2)
        #expect(throws: PolicyProblems.self) {
            try PolicyReader.policy(of: Document.with(spec: "uprobes: [{path: \"/a\\0\", symbols: [a]}]"))
        }
        #expect(problem(String(decoding: [0x61, 0x3a, 0x20, 0xff, 0xfe], as: UTF8.self)).hasPrefix("1:1: "))
    }

    @Test("what a problem says on a terminal is only read there")
    func json() {
        let line = JSON.string("\u{1b}[2J\u{202e}\n\"\\é\u{10ffff}").line
        #expect(line == #""\u001B[2J\u202E\u000A\"\\é\uDBFF\uDFFF""#)
    }

    @Test("valid policies with letters changed, lines moved, cut and repeated are read or refused", arguments: 0..<8)
    func mutations(seed: Int) {
        var random = Generator(seed: UInt64(seed))
        var (valid, refused) = (0, 0)
        for _ in 0..<500 {
            var bytes = Array(Self.seeds[Int.random(in: 0..<Self.seeds.count, using: &random)].utf8)
            for _ in 0..<Int.random(in: 1...6, using: &random) { mutate(&bytes, &random) }
            let text = String(decoding: bytes, as: UTF8.self)
            guard let documents = try? PolicyReader.documents(of: text) else {
                refused += 1
                continue
            }
            for document in documents {
                switch document.result {
                case .success(let policy):
                    valid += 1
                    #expect(!policy.name.isEmpty)
                case .failure(let problems):
                    refused += 1
                    #expect(!problems.problems.isEmpty && problems.problems.count <= 20)
                    for problem in problems.problems {
                        #expect(problem.line >= 1 && problem.column >= 1 && !problem.message.isEmpty)
                        #expect(problem.description.utf8.count < 4096)
                    }
                }
            }
        }
        // Else the mutations say nothing: both happen often.
        #expect(valid > 20 && refused > 100)
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout Generator) {
        guard !bytes.isEmpty else { return }
        let place = Int.random(in: 0..<bytes.count, using: &random)
        let end = min(bytes.count, place + Int.random(in: 1...40, using: &random))
        switch Int.random(in: 0..<8, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 2: bytes.removeSubrange(place..<end)
        case 3: bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0...bytes.count, using: &random))
        case 4: bytes.insert("\n :-*&{[\"0".utf8.randomElement(using: &random) ?? 0, at: place)
        case 5:
            let words = [
                "list:", "true", "null", "-1", "99999999999999999999", "[]", "{}", "<<: *a", "&a", "\u{202e}", "Equal",
            ]
            bytes.replaceSubrange(place..<end, with: Array((words.randomElement(using: &random) ?? "").utf8))
        case 6:
            let lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
            let line = lines[Int.random(in: 0..<lines.count, using: &random)]
            bytes.insert(contentsOf: line + [10], at: bytes.firstIndex(of: 10).map { $0 + 1 } ?? 0)
        default:
            let name = ArgumentOperator.allCases.randomElement(using: &random)?.name ?? ""
            bytes.insert(contentsOf: Array(name.utf8), at: place)
        }
    }

    private static let seeds = [
        Document.with(
            spec: """
                kprobes:
                - call: "list:l"
                  return: true
                  returnArg: {index: 0, type: int}
                  message: "m m"
                  tags: [aa, bb]
                  args:
                  - {index: 0, type: string, label: a}
                  - {index: 1, type: char_buf, sizeArgIndex: 3, returnCopy: true}
                  - {index: 2, type: sock}
                  selectors:
                  - matchPIDs: [{operator: NotIn, values: [0, 1], followForks: true}]
                    matchBinaries: [{operator: In, values: [/bin/sh], followChildren: true}]
                    matchArgs:
                    - {index: 0, operator: Prefix, values: [/etc/]}
                    - {index: 2, operator: DAddr, values: [10.0.0.0/8, "fd00::/8"]}
                    matchReturnArgs: [{index: 0, operator: LT, values: [0]}]
                    matchActions:
                    - {action: Post, rateLimit: 5m, rateLimitScope: process}
                    - {action: NotifyEnforcer, argError: -1, argSig: 9}
                enforcers: [{calls: ["list:l"]}]
                lists: [{name: l, type: syscalls, values: [sys_dup, sys_dup2]}]
                podSelector: {matchLabels: {app: web}, matchExpressions: [{key: k, operator: Exists}]}
                """),
        Document.with(
            spec: """
                tracepoints:
                - subsystem: raw_syscalls
                  event: sys_enter
                  args: &args [{index: 4, type: syscall64}]
                  selectors: [{matchArgs: [{index: 4, operator: InMap, values: ["list:d", 1:5]}]}]
                - {subsystem: a, event: b, args: *args}
                lsmhooks: [{hook: file_open, selectors: [{matchActions: [{action: Override, argError: -1}]}]}]
                lists: [{name: d, type: generated_syscalls}]
                options: [{name: policy-mode, value: monitor}]
                """) + "---\n" + Document.with(spec: "loader: true"),
    ]

    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1 }

        /// xorshift64*
        mutating func next() -> UInt64 {
            state ^= state >> 12
            state ^= state << 25
            state ^= state >> 27
            return state &* 0x2545_f491_4f6c_dd1d
        }
    }
}
