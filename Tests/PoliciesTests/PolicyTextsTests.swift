// SPDX-License-Identifier: Apache-2.0
import Policies
import Testing

@Suite struct PolicyTextsTests {
    @Test(
        "each document is a text of its own, and what is in it is where it was",
        arguments: [
            ("# a\n---\nb: 1\n---\n# c\nd: 2", ["\n---\nb: 1\n", "\n\n\n---\n# c\nd: 2"]),
            ("a: 1\r\n---\r\nb: 2\r\n", ["a: 1\r\n", "\n---\r\nb: 2\r\n"]),
            ("--- {a: 1}\n--- {b: 2}\n---\n", ["--- {a: 1}\n", "\n--- {b: 2}\n"]),
            ("a: |\n  ---\n  x\n---\nb: ----\n", ["a: |\n  ---\n  x\n", "\n\n\n---\nb: ----\n"]),
        ])
    func parts(_ text: String, _ parts: [String]) {
        #expect(PolicyReader.texts(of: text) == parts)
        let lines = parts.flatMap { part in (try? PolicyReader.documents(of: part).map(\.line)) ?? [] }
        #expect((try? PolicyReader.documents(of: text).map(\.line)) == lines)
    }

    @Test(
        "what has one document, or none, cannot be read or cannot be divided stays whole",
        arguments: ["", "# a\n", "a: 1", "---\na: 1\n", "a: [\n---\nb: 1", "a: 1\n...\n%YAML 1.1\n---\nb: 2\n"])
    func whole(_ text: String) { #expect(PolicyReader.texts(of: text) == [text]) }
}
