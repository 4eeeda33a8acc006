// SPDX-License-Identifier: Apache-2.0

import Foundation
import SwiftProtobuf
import Testing

/// Clients that people already have must find what they expect: the compiled API is held against the wire table.
@Suite struct WireTableTests {
    let table: WireTable
    /// What protoc makes of proto/.
    let compiled: [WireRow]

    init() throws {
        table = try WireTable(text: String(contentsOf: Repository.wireTable, encoding: .utf8))
        compiled = try WireRow.compiled()
    }

    @Test func everyRequiredRowIsThere() {
        #expect(table.required.count > 500)
        let present = Set(compiled)
        for row in table.required where !present.contains(row) {
            Issue.record("the table has “\(row)”, the compiled API has \(others(like: row, in: compiled))")
        }
    }

    @Test func optionalRowsAreUsedAsTheTableHasThem() {
        let optional = Dictionary(grouping: table.optional, by: \.identity)
        for row in compiled {
            guard let expected = optional[row.identity], !expected.contains(row) else { continue }
            Issue.record("the compiled API has “\(row)”, the table has \(others(like: row, in: table.optional))")
        }
    }

    /// What Apus adds stays out of the way of what others may still add.
    @Test func additionsLiveAtFiftyThousandAndAbove() {
        let known = Set((table.required + table.optional).map(\.identity))
        for row in compiled where !known.contains(row.identity) && row.file != "tetragon/apus.proto" {
            guard row.kind == "field" || row.kind == "enum", let number = Int(row.number), number >= 50_000 else {
                Issue.record("“\(row)” is not in the table and is not numbered from 50000 on")
                continue
            }
        }
    }

    private func others(like row: WireRow, in rows: [WireRow]) -> String {
        let found = rows.filter { $0.identity == row.identity }
        return found.isEmpty ? "nothing of that name" : found.map { "“\($0)”" }.joined(separator: ", ")
    }
}
