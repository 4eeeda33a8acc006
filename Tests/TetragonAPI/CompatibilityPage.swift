// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What docs/compatibility.md says below its mark: made of proto/, the wire table and coverage.tsv.
struct CompatibilityPage {
    /// What a person writes stands above it.
    static let mark = "<!-- Below: written by dev/generate-compatibility.sh -->\n"

    private let rows: [WireRow]
    private let coverage: CoverageTable
    /// None of an element that coverage.tsv has forgotten.
    private let states: [WireRow.Identity: CoverageTable.State]

    init(table: WireTable, compiled: [WireRow], coverage: CoverageTable) {
        let known = Set(compiled.map(\.identity))
        let later = table.optional.filter { !known.contains($0.identity) }
        rows = compiled + later
        var states = Self.states(of: compiled, coverage)
        for row in later { states[row.identity] = .later }
        self.states = states
        self.coverage = coverage
    }

    var text: String {
        let files = rows.reduce(into: [String]()) { if !$0.contains($1.file) { $0.append($1.file) } }
        let figures = CoverageTable.State.allCases.map { state in
            "| \(state.words) | \(rows.count { states[$0.identity] == state }) |\n"
        }
        return "\n| state | elements |\n|---|---|\n" + figures.joined()
            + files.map { file in
                "\n## \(file)\n\n| name | number | type | state | test |\n|---|---|---|---|---|\n"
                    + rows.filter { $0.file == file }.map(line).joined()
            }.joined()
    }

    /// A message's is that of its fields: whoever shows one shows the message.
    private static func states(
        of compiled: [WireRow], _ coverage: CoverageTable
    ) -> [WireRow.Identity: CoverageTable.State] {
        var states: [WireRow.Identity: CoverageTable.State] = [:]
        var ofMessages: [String: CoverageTable.State] = [:]
        for row in compiled {
            guard let state = coverage.line(for: row)?.state else { continue }
            states[row.identity] = state
            let before = ofMessages[row.parent]
            ofMessages[row.parent] = before == .shown || state == .shown ? .shown : state
        }
        for row in compiled where row.kind == "message" && states[row.identity] == nil {
            states[row.identity] = ofMessages[row.parent]
        }
        return states
    }

    private func line(_ row: WireRow) -> String {
        let name = row.kind == "message" ? "**\(row.path)**" : row.path
        let type = row.label.isEmpty || row.type.isEmpty ? row.type : "\(row.type) (\(row.label))"
        let state = states[row.identity]?.words ?? "nothing shows it yet"
        let tests = (coverage.line(for: row)?.tests ?? []).map { test in
            "[\(test.file)](../Tests/\(test.file).swift): \(test.name.replacing("|", with: "\\|"))"
        }
        let cells = [name, row.number, type, state, tests.joined(separator: "<br>")]
        return "| \(cells.joined(separator: " | ")) |\n"
    }
}
