// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import Policies

/// The table of what shows that policies do on a kernel what they say. Types of arguments and operators have tables that
/// are tests themselves: `ArgumentTypeTests`, `OperatorTests`.
@Suite struct CoverageTests {
    private struct Line: Hashable {
        var kind: String
        var word: String
        var test: String
    }

    private static let directory = URL(filePath: #filePath).deletingLastPathComponent()

    private func lines() throws -> [Line] {
        let text = try String(contentsOf: Self.directory.appending(path: "coverage.tsv"), encoding: .utf8)
        return try text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let cells = line.split(separator: "\t").map(String.init)
            try #require(cells.count == 3, "\(line)")
            return Line(kind: cells[0], word: cells[1], test: cells[2])
        }
    }

    @Test("each action and each selector has a test, and no line is about anything else")
    func words() throws {
        let lines = try lines()
        #expect(Set(lines).count == lines.count)
        func words(_ kind: String) -> Set<String> { Set(lines.filter { $0.kind == kind }.map(\.word)) }
        #expect(words("action") == Set(ActionKind.allCases.map(\.rawValue)))
        #expect(words("selector") == Set(Selector.schema.shape.fields.map(\.name)))
        #expect(Set(lines.map(\.kind)) == ["action", "selector"])
    }

    @Test("each test of the table is in the sources")
    func tests() throws {
        let root = Self.directory.deletingLastPathComponent()
        let sources = try ["SensorsTests", "PolicyEngineTests", "SystemTests"].flatMap { name in
            try FileManager.default.contentsOfDirectory(
                at: root.appending(path: name), includingPropertiesForKeys: nil
            ).filter { $0.pathExtension == "swift" }
        }
        let text = try sources.map { try String(contentsOf: $0, encoding: .utf8) }.joined()
        for line in try lines() { #expect(text.contains("\"\(line.test)\""), "\(line.word): \(line.test)") }
    }
}
