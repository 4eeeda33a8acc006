// SPDX-License-Identifier: Apache-2.0
import Testing
import YAML

@Suite struct YAMLReaderTests {
    private func node(_ text: String) throws -> YAMLNode { try #require(YAMLReader.documents(of: text).first) }

    private func problem(_ text: String, within bounds: YAMLBounds = YAMLBounds()) -> String? {
        do throws(YAMLProblem) {
            _ = try YAMLReader.documents(of: text, within: bounds)
            return nil
        } catch {
            return "\(error.place.line):\(error.place.column) \(error.reason)"
        }
    }

    @Test("places are counted from 1, as editors do")
    func places() throws {
        let node = try node("a:\n  - x\n  - {b: ü, c: d}\n")
        let list = try #require(node["a"]?.sequence)
        #expect(node.place == YAMLPlace(line: 1, column: 1))
        #expect(list[0].place == YAMLPlace(line: 2, column: 5))
        #expect(list[1]["c"]?.place == YAMLPlace(line: 3, column: 15))
        #expect(list[1].mapping?[1].key.place == YAMLPlace(line: 3, column: 12))
    }

    @Test("all documents are read, and anchors are a document's own")
    func documents() throws {
        #expect(try YAMLReader.documents(of: "").isEmpty)
        #expect(try YAMLReader.documents(of: "a: 1\n---\n---\nb: 2\n...\n").count == 3)
        #expect(
            problem("a: &x 1\n---\nb: *x\n")
                == "2:4 the alias *x refers to nothing that is complete before it".replacing("2:", with: "3:"))
    }

    @Test("an alias says what its anchor says, and a merge adds what is not there")
    func aliases() throws {
        let text = "base: &base {a: 1, b: 2}\nother: *base\nmerged: {<<: *base, b: 3}\nmore: {<<: [*base, {c: 4}]}\n"
        let node = try node(text)
        #expect(node["other"]?["b"]?.scalar?.text == "2")
        #expect(node["merged"]?.mapping?.map { "\($0.key.scalar!.text)=\($0.value.scalar!.text)" } == ["b=3", "a=1"])
        #expect(node["more"]?["c"]?.scalar?.text == "4")
        #expect(problem("a: {<<: 5}") == "1:4 only mappings can be merged by the key <<")
    }

    @Test("a key that comes twice is there twice")
    func duplicates() throws {
        #expect(try node("a: 1\na: 2\n").mapping?.count == 2)
    }

    @Test(
        "plain scalars mean what they mean in YAML 1.1",
        arguments: [
            ("~", YAMLScalar.Meaning.null), ("", .null), ("null", .null), ("yes", .boolean(true)),
            ("Off", .boolean(false)),
            ("n", .boolean(false)), ("0", .integer(0)), ("-12", .integer(-12)), ("+7", .integer(7)),
            ("0x1F", .integer(31)),
            ("010", .integer(8)), ("0o17", .integer(15)), ("0b101", .integer(5)), ("1_000", .integer(1000)),
            ("08", .number), ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("9223372036854775808", .number), ("1.5", .number), (".5", .number), ("1e3", .number), ("-1.5E-3", .number),
            (".inf", .number), ("1.2.3", .string), ("1e", .string), ("0xg", .string), ("-", .string), (".", .string),
            ("5m", .string), ("10.0.0.1", .string), ("1:2", .string), ("nil", .string), ("é", .string),
            ("-0x10", .integer(-16)),
        ])
    func meanings(text: String, meaning: YAMLScalar.Meaning) {
        #expect(YAMLScalar(text: text, isPlain: true).meaning == meaning)
        #expect(YAMLScalar(text: text, isPlain: false).meaning == .string)
    }

    @Test("a tag may say that a scalar is a string, and nothing else")
    func tags() throws {
        #expect(try node("a: !!str 5\n")["a"]?.scalar?.meaning == .string)
        #expect(try node("a: \"5\"\n")["a"]?.scalar?.meaning == .string)
        #expect(try node("a: |\n  5\n")["a"]?.scalar?.meaning == .string)
        #expect(problem("a: !!binary 5")?.hasPrefix("1:4 the tag tag:yaml.org,2002:binary is not understood") == true)
        #expect(problem("a: !x [5]")?.hasPrefix("1:4 the tag !x is not understood") == true)
    }

    @Test("a bomb of aliases does not go off, wide or deep")
    func bombs() {
        var wide = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...30 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            wide += "a\(level): &a\(level) [\(aliases)]\n"
        }
        #expect(problem(wide)?.hasSuffix("it has more than 20000 nodes, counting aliases' contents") == true)
        #expect(problem("a: &a [*a]")?.hasSuffix("the alias *a refers to nothing that is complete before it") == true)
        var merges = "m0: &m0 {a: b}\n"
        for level in 1...30 {
            merges += "m\(level): &m\(level) {<<: [*m\(level - 1), *m\(level - 1)], k\(level): *m\(level - 1)}\n"
        }
        #expect(problem(merges)?.hasSuffix("nodes, counting aliases' contents") == true)
    }

    @Test("depth, keys and nodes are bounded")
    func bounds() {
        #expect(problem(String(repeating: "[", count: 100_000)) == "1:65 it is nested deeper than 64 levels")
        #expect(problem(String(repeating: "- ", count: 65) + "x") == "1:129 it is nested deeper than 64 levels")
        #expect(problem(String(repeating: "- ", count: 64) + "x") == nil)
        let keys = (0...1_000).map { "k\($0): v\n" }.joined()
        #expect(problem(keys)?.hasSuffix("a mapping has more than 1000 keys") == true)
        var few = YAMLBounds()
        few.nodes = 3
        #expect(
            problem("[a, b, c]", within: few)?.hasSuffix("it has more than 3 nodes, counting aliases' contents") == true
        )
        #expect(problem("[a, b]", within: few) == nil)
    }

    @Test(
        "what is no YAML is refused where it is wrong",
        arguments: [
            ("a: [1\nb: 2", "2:2"), ("a: \"x", "1:6"), ("\ta: 1", "1:1"), ("a: b: c", "1:5"), ("a: \u{1}", "1:1"),
            ("a: \0", "1:1"), ("%YAML 9.9\n---\na", "1:1"), ("@", "1:1"),
        ])
    func malformed(text: String, place: String) {
        #expect(problem(text)?.hasPrefix(place + " ") == true, "\(problem(text) ?? "read")")
    }

    private func json(_ text: String, limit: Int = 1 << 20) throws(YAMLProblem) -> String {
        String(decoding: try YAMLReader.documents(of: text)[0].json(limit: limit), as: UTF8.self)
    }

    @Test("a document is written as JSON, with scalars as texts")
    func jsonTexts() throws {
        #expect(
            try json("a: [1, \"1\", yes, ~, 1.5, 0x10, 'x\"\\']\n5: \"\\e\\0\\x1f\"\n<<: {d: é, 5: f}\n")
                == #"{"a":["1","1","yes",null,"1.5","0x10","x\"\\"],"5":"\u001b\u0000\u001f","d":"é"}"#)
    }

    @Test("a key that comes twice or is no scalar is refused, and so is what aliases make too long")
    func jsonRefusals() {
        func refusal(_ text: String, limit: Int = 1 << 20) -> String? {
            do throws(YAMLProblem) {
                _ = try json(text, limit: limit)
                return nil
            } catch {
                return error.description
            }
        }
        #expect(refusal("a: 1\nb: {c: 1, c: 2}") == "line 2: a key is there twice: c")
        #expect(refusal("? [a]\n: b") == "line 1: a key is a list or a mapping")
        let long =
            "a: &a \(String(repeating: "x", count: 100_000))\nb: [\(Array(repeating: "*a", count: 100).joined(separator: ","))]"
        #expect(refusal(long)?.hasSuffix("it stands for more than 1 MiB, counting aliases' contents") == true)
        #expect(refusal(long, limit: 16 << 20) == nil)
    }
}
