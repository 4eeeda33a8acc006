// SPDX-License-Identifier: Apache-2.0
import Models
import Testing

@testable import Runtimes

@Suite struct JSONTreeTests {
    private func tree(_ text: String, _ wanted: Wanted = .all) throws -> JSONValue {
        try JSONTree.parse(Array(text.utf8), wanted)
    }

    @Test func everyKindOfValueIsKept() throws {
        let value = try tree(#"{"a": [1, -2.5, "x\u003c\n", true, null], "b": {"c": 18446744073709551615}}"#)
        #expect(value["a"]?.elements == [.number("1"), .number("-2.5"), .string("x<\n"), .bool(true), .null])
        #expect(value["b"]?["c"]?.integer(UInt64.self) == .max)
        #expect(value["b"]?["c"]?.integer(UInt32.self) == nil)
        #expect(value["a"]?["b"] == nil)
        #expect(try tree(#"{"a": 1, "a": 2}"#)["a"] == .number("2"))
    }

    @Test func onlyWhatIsWantedIsKept() throws {
        let wanted = Wanted.members(["a": .members(["b": .all]), "list": .each(.members(["x": .all]))])
        let text = #"""
            {"a": {"b": [1], "c": {"b": 2}}, "b": 3, "z": {"a": {"b": 4}}, "list": [{"x": 1, "y": 2}, 5, [6]]}
            """#
        #expect(
            try tree(text, wanted)
                == .object([
                    "a": .object(["b": .array([.number("1")])]),
                    "list": .array([.object(["x": .number("1")]), .number("5"), .array([])]),
                ]))
        #expect(try tree("[1]", wanted) == .array([]))
    }

    @Test(arguments: ["", "{", #"{"a": }"#, "{} {}", "nonsense", "{\"a\": \"\u{1}\"}", "[1,]"])
    func whatIsNoJSONIsRefused(text: String) {
        #expect(throws: JSONError.malformed) { try tree(text) }
    }

    @Test func depthAndNumberAreBounded() throws {
        let deepest = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(try tree(deepest).elements.count == 1)
        #expect(throws: JSONError.document(.tooDeep)) { try tree("[" + deepest + "]") }
        #expect(throws: JSONError.document(.tooDeep)) { try tree("[" + deepest + "]", .members([:])) }

        let many = "[" + String(repeating: "0,", count: JSONTree.maximumCount) + "0]"
        #expect(throws: JSONError.self) { try tree(many) }
        #expect(try tree(many, .members([:])) == .array([]))
    }
}
