// SPDX-License-Identifier: Apache-2.0
import CEL
import Testing

@Suite("CEL's bounds") struct BoundTests {
    private func refusal(_ source: String) -> String? {
        do throws(CompileError) {
            _ = try plain.compile(source, result: .dyn)
            return nil
        } catch {
            return error.message
        }
    }

    private static func row(_ part: String, _ count: Int) -> String { String(repeating: part, count: count) }

    @Test(
        "what is too deep is refused, however it is nested",
        arguments: [
            row("(", 60_000), row("(", 300) + "1" + row(")", 300), row("[", 300) + row("]", 300),
            row("{1:", 300) + "1" + row("}", 300),
            row("size(", 300) + "[]" + row(")", 300), row("true ? 1 : ", 300) + "1", row("1 + ", 300) + "1",
            "d" + row(".a", 300), "d" + row("[0]", 300),
            row("Process{parent: ", 300) + "p" + row("}", 300), "d" + row(".exists(x, d", 300) + row(")", 300),
            "d" + row(".map(x, x)", 300),
            row("cel.bind(x, 1, ", 300) + "x" + row(")", 300), row("-(", 300) + "1" + row(")", 300),
            "math.greatest(" + row("1, ", 300) + "1)",
            "cel.block([" + row("1, ", 300) + "1], 1)", "optional.of(1)" + row(".optMap(x, x)", 300),
            row("1 in [", 300) + row("]", 300),
        ])
    func depth(source: String) { #expect(refusal(source) == "the expression is more than 100 levels deep") }

    @Test("types that would grow without end are refused")
    func types() {
        let source = Self.row("cel.bind(x, {x: x}, ", 60) + "x" + Self.row(")", 60)
        #expect(value("cel.bind(x, {1: 1}, " + source + ")").contains("cannot be the key of a map"))
        #expect(value("[[].map(x, {x: x})]" + Self.row(".map(x, {x: x})", 60)).contains("cannot be the key of a map"))
    }

    @Test("a long row of alternatives is not deep")
    func wide() {
        let source = (0..<3000).map { "i == \($0)" }.joined(separator: " || ")
        #expect(value(source, ["i": .int(2999)]) == "true")
        #expect(value(Self.row("!", 10_001) + "true") == "false")
        #expect(
            value("[" + Self.row("1,", 20_000) + "]") == "["
                + Array(repeating: "1", count: 20_000).joined(separator: ", ") + "]")
    }

    @Test("sizes are bounded")
    func sizes() {
        #expect(refusal("'" + Self.row("a", 65_536) + "'") == "the expression is longer than 65536 bytes")
        #expect(refusal(Self.row("9", 60_000)) == "the number is malformed, or out of the range of an int")
        #expect(refusal("0x" + Self.row("F", 60_000)) == "the number is malformed, or out of the range of an int")
        #expect(refusal(Self.row("1", 60_000) + ".0") == "the number is out of a double's range")
        #expect(
            value("'a'.matches('\(Self.row("a", 5000))')")
                == "1:1: invalid regular expression: longer than 4096 bytes")
        let patterns = (0..<33).map { "s.matches('\($0)')" }.joined(separator: " || ")
        #expect(refusal(patterns) == "the expression has more than 32 regular expressions")
        #expect(value("duration('\(Self.row("9", 5000))h')").hasPrefix("error: duration()"))
        #expect(value("double('\(Self.row("9", 5000))')") == "error: double(): the text is no number")
        #expect(value("ip('\(Self.row("1", 5000))')").hasPrefix("error: '1111"))
    }

    private static let tooExpensive = "error: the expression takes more than 100000 steps"

    @Test(
        "what takes too long ends, in macros, texts and lists",
        arguments: [
            row("list.all(x, ", 12) + "true" + row(")", 12),
            "list" + row(".map(x, [x, x]).flatten()", 40) + ".size() > 0",
            "list.map(x, [s, s].join())" + row(".map(x, x + x)", 60),
            "cel.bind(a, s, " + (0..<60).map { _ in "cel.bind(a, a + a, " }.joined() + "a" + row(")", 61),
            "lists.range(1000000000)", "lists.range(9223372036854775807)",
            "lists.range(1000).map(x, lists.range(1000)).flatten().size()",
            row("list.exists(x, ", 12) + "false" + row(")", 12) + " || true", "lists.range(90000).distinct()",
            "lists.range(50000).reverse().sort()",
            "lists.range(5000).map(x, lists.range(5000)) == lists.range(5000).map(x, lists.range(5000))",
            "lists.range(9000).all(x, x in lists.range(9000))",
            "lists.range(99).map(x, '%.999f'.format([x]))" + row(".map(x, [x, x].join())", 40),
            "lists.range(2000).exists(x, s.matches('a' + string(x)))",
            "s" + row(".replace('a', 'aaaaaaaaaaaaaaaa')", 30), "s" + row(".replace('', 'aaaaaaaaaaaaaaaa')", 30),
            "lists.range(400).map(x, lists.range(400)).map(x, '%s'.format([x]))",
        ])
    func cost(source: String) {
        let clock = ContinuousClock()
        let time = clock.measure {
            #expect(
                value(source, ["list": .list((0..<10).map { .int($0) }), "s": .string("aaaaaaaaaaaaaaaa")])
                    == Self.tooExpensive)
        }
        #expect(time < .seconds(20))
    }

    @Test("the bound is the environment's")
    func limit() throws {
        var environment = plain
        environment.limits.cost = 5
        #expect(value("1 + i + i + i", in: environment, ["i": .int(1)]) == "4")
        #expect(
            value("1 + i + i + i + i + i + i", in: environment, ["i": .int(1)])
                == "error: the expression takes more than 5 steps")
        environment.limits.depth = 3
        #expect(value("((((1))))", in: environment) == "1:4: the expression is more than 3 levels deep")
    }

    @Test("expressions that make others backtrack for ever are done at once")
    func backtracking() {
        let clock = ContinuousClock()
        let time = clock.measure {
            #expect(value("s.matches('^(a+)+$')", ["s": .string(Self.row("a", 10_000) + "!")]) == "false")
        }
        #expect(time < .seconds(5))
    }

    @Test("noise is refused or evaluated, never more")
    func noise() {
        var state: UInt64 = 42
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let words = [
            "(", ")", "[", "]", "{", "}", ".", ",", "?", ":", "+", "-", "*", "/", "%", "!", "&&", "||", "==", "<", "in",
            "1", "2u", "1.5", "'a'", "b'x'", "true",
            "null", "s", "i", "p", "d", "list", ".all(x,", ".map(x,", "has(", "size(", "p.pid", "Process{", "r'", "\\",
            "`", "\"\"\"", "é", "\u{0}", ".?", "[?", "timestamp(", "optional.of(",
        ]
        var evaluated = 0
        for _ in 0..<5_000 {
            let source = (0..<1 + next(12)).map { _ in words[next(words.count)] }.joined(
                separator: next(2) == 0 ? " " : "")
            let result = value(
                source,
                ["s": .string("a"), "i": .int(1), "d": .null, "list": .list([]), "p": .message(process("Process{}"))])
            if !result.hasPrefix("1:") { evaluated += 1 }
        }
        #expect(evaluated > 50)
    }
}
