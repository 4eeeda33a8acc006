// SPDX-License-Identifier: Apache-2.0

import CLICore
import Testing

@Suite struct TerminalTextTests {
    // Not parameterised: a test's arguments are printed as it runs, and these are made to harm terminals.
    @Test func whatATerminalWouldObeyOrHideIsWrittenAsAnEscape() {
        let cases = [
            ("plain text", "plain text"),
            ("größe 東京 🚀", "größe 東京 🚀"),
            ("a\nb\rc\td\0e", "a\\nb\\rc\\td\\0e"),
            ("\u{1b}[2J\u{1b}]0;title\u{7}", "\\u{1b}[2J\\u{1b}]0;title\\u{7}"),
            ("\u{7f}\u{9b}31m\u{85}", "\\u{7f}\\u{9b}31m\\u{85}"),
            ("\u{202e}cod.exe\u{2066}", "\\u{202e}cod.exe\\u{2066}"),
            ("a\u{200b}b\u{feff}c\u{ad}", "a\\u{200b}b\\u{feff}c\\u{ad}"),
            ("a\u{a0}b\u{2028}c\u{3000}", "a\\u{a0}b\\u{2028}c\\u{3000}"),
            ("\u{e0041}\u{e000}\u{ffff}", "\\u{e0041}\\u{e000}\\u{ffff}"),
        ]
        for (text, expected) in cases {
            #expect(text.terminalSafe == expected)
        }
    }

    @Test func aWordStaysOneWord() {
        let cases = [
            ("/bin/sh", "/bin/sh"),
            ("", "\"\""),
            ("/tmp/a b", "\"/tmp/a b\""),
            ("say\"so\\", "\"say\\\"so\\\\\""),
            ("tab\there", "\"tab\\there\""),
            ("\u{1b}[0m", "\\u{1b}[0m"),
        ]
        for (text, expected) in cases {
            #expect(text.terminalWord == expected)
        }
    }

    @Test func everyControlCharacterIsEscaped() {
        for value in Array(UInt32(0)..<0x20) + Array(0x7f..<0xa0) + Array(0x202a...0x202e) + Array(0x2066...0x2069) {
            let text = String(Character(Unicode.Scalar(value)!))
            #expect(text.terminalSafe.hasPrefix("\\"), "U+\(String(value, radix: 16))")
            #expect(!text.terminalWord.contains(text), "U+\(String(value, radix: 16))")
        }
    }
}
