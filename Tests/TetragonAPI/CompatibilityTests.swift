// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

/// coverage.tsv and docs/compatibility.md say of the whole API what shows it, and nothing that is not so.
@Suite struct CompatibilityTests {
    private let compiled: [WireRow]
    private let coverage: CoverageTable
    private let page: CompatibilityPage

    init() throws {
        compiled = try WireRow.compiled()
        coverage = try CoverageTable(text: String(contentsOf: Repository.coverageTable, encoding: .utf8))
        let table = try WireTable(text: String(contentsOf: Repository.wireTable, encoding: .utf8))
        page = CompatibilityPage(table: table, compiled: compiled, coverage: coverage)
    }

    @Test("every element of proto/ has a line")
    func completeness() {
        let withFields = Set(compiled.filter { $0.kind == "field" }.map(\.parent))
        for row in compiled where row.kind != "message" || !withFields.contains(row.parent) {
            #expect(coverage.line(for: row) != nil, "coverage.tsv has no line for \(row.path)")
        }
    }

    @Test("every line is about elements that there are, once")
    func existence() {
        let enums = Set(compiled.filter { $0.kind == "enum" }.map(\.parent))
        let parents = Set(compiled.filter { !$0.name.isEmpty }.map(\.parent))
        let paths = Set(compiled.map(\.path))
        for line in coverage.lines {
            let exists = line.wildcard.map(parents.contains) ?? paths.contains(line.name)
            #expect(exists, "line \(line.number): proto/ has no \(line.name)")
            if let parent = line.wildcard, line.state == .shown {
                #expect(enums.contains(parent), "line \(line.number): each field of \(parent) is shown by itself")
            }
        }
        let names = Dictionary(grouping: coverage.lines, by: \.name).filter { $1.count > 1 }.keys
        #expect(names.isEmpty, "several lines: \(names.sorted())")
    }

    @Test("what is shown is shown by a test, and every test is in the sources")
    func tests() throws {
        var known: [String: Set<String>] = [:]
        for line in coverage.lines {
            #expect(line.state != .shown || !line.tests.isEmpty, "line \(line.number): no test shows \(line.name)")
            for test in line.tests {
                if known[test.file] == nil {
                    let file = Repository.tests.appending(path: "\(test.file).swift")
                    known[test.file] = TestName.names(in: (try? String(contentsOf: file, encoding: .utf8)) ?? "")
                }
                let isThere = known[test.file]?.contains(test.name) == true
                #expect(isThere, "line \(line.number): there is no test “\(test)”")
            }
        }
        #expect(known.count > 20)
    }

    @Test("docs/compatibility.md is what is written from the table")
    func document() throws {
        let file = Repository.compatibilityPage
        let text = try String(contentsOf: file, encoding: .utf8)
        let mark = try #require(text.range(of: CompatibilityPage.mark), "\(file.path) has lost its mark")
        let written = text[..<mark.upperBound] + page.text
        if ProcessInfo.processInfo.environment["APUS_UPDATE_TABLE"] != nil {
            try written.write(to: file, atomically: true, encoding: .utf8)
            return
        }
        let lines = zip(written.split(separator: "\n"), text.split(separator: "\n"))
        let isSame = written == text
        #expect(
            isSame,
            "run dev/generate-compatibility.sh; the first difference: \(lines.first { $0 != $1 }?.0 ?? "its length")")
    }

    @Test("tests are found by what they are called, in whichever way that is written")
    func names() {
        let source = """
            @Test func plain() {}
            @Test("with a name") func first() {}
            @Test(
                "with a \\"name\\" and arguments", arguments: ["a"])
            func second(text: String) {}
            @Test(arguments: ["not a name"]) func third(_ text: String) {}
            @Test mutating func `in words`() {}
            func none() {}
            """
        let expected: Set = ["plain", "with a name", "with a \"name\" and arguments", "third", "in words"]
        #expect(TestName.names(in: source) == expected)
    }

    @Test("a line that cannot be read is named", arguments: ["A.b", "A.b\tknown", "A.b\tshown\tno test"])
    func malformed(line: String) {
        #expect { try CoverageTable(text: "# a remark\n\n\(line)\n") } throws: { "\($0)".contains("line 3") }
    }
}
