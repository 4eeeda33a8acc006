// SPDX-License-Identifier: Apache-2.0
import Foundation
import Metrics
import Testing

@Suite struct CatalogueTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    @Test func `names are what Prometheus takes and its users expect`() {
        for family in Catalogue.all {
            #expect(family.name.wholeMatch(of: /(apus|process)_[a-z_]+/) != nil, "\(family.name)")
            #expect(family.name.hasSuffix("_total") == (family.kind == .counter), "\(family.name)")
            #expect(family.help.hasSuffix(".") && !family.help.contains("\n"), "\(family.name)")
        }
        #expect(Set(Catalogue.all.map(\.name)).count == Catalogue.all.count)
    }

    @Test func `docs/metrics.md has every one of them`() throws {
        let page = try String(contentsOf: Self.root.appending(path: "docs/metrics.md"), encoding: .utf8)
        #expect(page.contains(Catalogue.table), "its table should be:\n\(Catalogue.table)")
    }

    @Test func `the dashboard asks for metrics that there are`() throws {
        let dashboard = try String(
            contentsOf: Self.root.appending(path: "deploy/grafana/apus.json"), encoding: .utf8)
        let asked = Set(dashboard.matches(of: /\b(?:apus|process)_[a-z_]+/).map { String($0.output) })
        #expect(asked.isSubset(of: Set(Catalogue.all.map(\.name))), "\(asked)")
        #expect(asked.count > 10)
    }
}
