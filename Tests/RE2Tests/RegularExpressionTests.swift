// SPDX-License-Identifier: Apache-2.0
import RE2
import Testing

@Suite("Regular expressions") struct RegularExpressionTests {
    @Test(
        "a match may be anywhere in the text, unless the expression says where",
        arguments: [
            ("bash", "/usr/bin/bash", true), ("^bash", "/usr/bin/bash", false), ("bash$", "/usr/bin/bash", true),
            ("^/usr/(s?bin|lib)/", "/usr/sbin/sshd", true), ("(?i)BASH", "/bin/bash", true), ("", "", true),
            ("^$", "", true), ("é", "café", true), ("^.$", "é", true), ("a.c", "a\nc", false),
            ("(?s)a.c", "a\nc", true),
        ])
    func search(pattern: String, text: String, expected: Bool) throws {
        #expect(try RegularExpression(pattern).matches(text) == expected)
    }

    @Test("bytes that are no UTF-8 match as Latin-1 only")
    func arbitraryBytes() throws {
        let bytes: [UInt8] = [0x61, 0xFF, 0x00, 0xC3]
        try bytes.withUnsafeBytes { text in
            #expect(try !RegularExpression("^a.").matches(text))
            #expect(try RegularExpression("^(?s)a...$", encoding: .latin1).matches(text))
            #expect(try RegularExpression(#"\xFF\x00"#, encoding: .latin1).matches(text))
            let matches = try RegularExpression("(?s)(.)", encoding: .latin1).allMatches(in: text)
            #expect(matches.map(\.range) == [0..<1, 1..<2, 2..<3, 3..<4])
        }
    }

    @Test("all matches come with the bytes that their groups cover")
    func groups() throws {
        let expression = try RegularExpression(#"--(pass(?:word)?)[= ](\S+)|(token)=(\w*)"#)
        #expect(expression.groupCount == 4)
        let matches = expression.allMatches(in: "é --password=hunter2 token= --pass x")
        #expect(matches.map(\.range) == [3..<21, 22..<28, 29..<37])
        #expect(
            matches.map(\.groups) == [
                [5..<13, 14..<21, nil, nil], [nil, nil, 22..<27, 28..<28], [31..<35, 36..<37, nil, nil],
            ])
    }

    @Test("more groups than fit on the stack are found")
    func manyGroups() throws {
        let expression = try RegularExpression(String(repeating: "(.)", count: 20))
        let matches = expression.allMatches(in: "abcdefghijklmnopqrstuvwxyz")
        #expect(matches.count == 1)
        #expect(matches.first?.groups == (0..<20).map { $0..<$0 + 1 })
    }

    @Test("empty matches go from character to character, and none follows a match at once")
    func emptyMatches() throws {
        #expect(try RegularExpression("x*").allMatches(in: "éxa").map(\.range) == [0..<0, 2..<3, 4..<4])
        #expect(try RegularExpression("").allMatches(in: "").map(\.range) == [0..<0])
        #expect(try RegularExpression("").allMatches(in: "abc", limit: 2).count == 2)
    }

    @Test("what is before a match counts for where a word or the text begins")
    func context() throws {
        #expect(try RegularExpression(#"\bb"#).allMatches(in: "ab b").map(\.range) == [3..<4])
        #expect(try RegularExpression("^a").allMatches(in: "aaa").map(\.range) == [0..<1])
    }

    @Test(
        "a refused expression says why and where",
        arguments: [
            ("a(b", "invalid regular expression: missing )"),
            ("ab**", #"invalid regular expression: bad repetition operator in "**" at byte 2"#),
            ("*a", #"invalid regular expression: no argument for repetition operator in "*" at byte 0"#),
            (#"a\8b"#, #"invalid regular expression: invalid escape sequence in "\8" at byte 1"#),
            ("(?=a)", #"invalid regular expression: invalid perl operator in "(?=" at byte 0"#),
            ("x[b-a]", #"invalid regular expression: invalid character class range in "b-a" at byte 2"#),
            ("x{1001}y{1001}", #"invalid regular expression: invalid repetition size in "{1001}""#),
        ])
    func refused(pattern: String, message: String) {
        let error = #expect(throws: RegularExpressionError.self) { try RegularExpression(pattern) }
        #expect(error?.description == message)
    }

    @Test("size and memory are bounded")
    func bounds() {
        let long = #expect(throws: RegularExpressionError.self) {
            try RegularExpression(String(repeating: "a", count: 4097))
        }
        #expect(long?.description == "invalid regular expression: longer than 4096 bytes")
        let large = #expect(throws: RegularExpressionError.self) {
            try RegularExpression(#"\pL{900}"#)
        }
        #expect(large?.reason == "pattern too large - compile failed")
        #expect(throws: RegularExpressionError.self) {
            try RegularExpression(String(repeating: "(", count: 4000) + String(repeating: ")", count: 10))
        }
    }

    @Test("an expression that makes others backtrack for ever is done at once")
    func noBacktracking() throws {
        let expression = try RegularExpression("^(a+)+$")
        let clock = ContinuousClock()
        let time = clock.measure { #expect(!expression.matches(String(repeating: "a", count: 100_000) + "!")) }
        #expect(time < .seconds(2))
    }
}
