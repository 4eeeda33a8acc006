import Testing

// SPDX-License-Identifier: Apache-2.0
@testable import Containers

@Suite struct ProcessStatTests {
    private func parse(_ text: String) -> ProcessStat? { ProcessStat(Array(text.utf8)) }

    /// The fields between the parent and the start, and what follows the start.
    private func line(_ name: String, state: String = "S", parent: String = "7", start: String = "123") -> String {
        let between = Array(repeating: "0", count: 17).joined(separator: " ")
        return "42 (\(name)) \(state) \(parent) \(between) \(start) 1 2 3\n"
    }

    @Test(arguments: ["sh", "", "a b", ") S 1 (", "((", "\n", "9 (x) Z 1"])
    func `whatever the name holds, the fields are found`(name: String) throws {
        let stat = try #require(parse(line(name)))
        #expect(stat.parent == 7 && stat.startTime == 123 && !stat.hasEnded)
    }

    @Test(arguments: [("S", false), ("R", false), ("D", false), ("T", false), ("Z", true), ("X", true)])
    func `a zombie has ended`(state: String, hasEnded: Bool) {
        #expect(parse(line("x", state: state))?.hasEnded == hasEnded)
    }

    @Test func `what is no such line is nothing`() {
        let whole = line("x")
        #expect(parse("") == nil && parse("42 (x") == nil && parse("42 (x)") == nil && parse("42 (x) S 7 0 0\n") == nil)
        #expect(parse(whole.replacing("123", with: "-1")) == nil && parse(whole.replacing(" 7 ", with: " ? ")) == nil)
    }
}
