// SPDX-License-Identifier: Apache-2.0
import CRecords
import Policies
import Sensors
import Testing

extension KernelTests {
    /// Each type of a policy's arguments on a real value: it is there, it is exactly that, and another one is not.
    @Suite struct ArgumentTypeTests: KernelSuite {
        @Test("a tracepoint's value is told as its type has it", arguments: ArgumentRow.ofTracepoints)
        func tracepoints(_ row: ArgumentRow) throws { try check(row) }

        @Test(
            "a function's value is told as its type has it", .needs(anyOf: .kprobe), arguments: ArgumentRow.ofFunctions)
        func functions(_ row: ArgumentRow) throws { try check(row) }

        @Test(
            "a security hook's value is told as its type has it", .needs(anyOf: .lsmActive),
            arguments: ArgumentRow.ofSecurityHooks)
        func securityHooks(_ row: ArgumentRow) throws { try check(row) }

        /// Why a type is in no row.
        private static let untried: [ArgumentType: String] = [
            .auto: "is what a format says: see TracepointFormatTests",
            .module: noModules, .loadInfo: noModules,
        ]
        private static let noModules =
            "no kernel at hand loads modules: the guests have none, and the machine's kernel is built without"

        @Test("each type is in a row, or it is said why not")
        func completeness() {
            let rows = ArgumentRow.ofTracepoints + ArgumentRow.ofFunctions + ArgumentRow.ofSecurityHooks
            let tried = Set(rows.map(\.type))
            #expect(tried.isDisjoint(with: Self.untried.keys))
            #expect(tried.union(Self.untried.keys) == Set(ArgumentType.allCases))
        }

        private func check(_ row: ArgumentRow) throws {
            let watched = Watched(
                place: row.place, values: row.values, passed: row.passed, isCall: row.isCall, hasReturn: row.hasReturn)
            let hits = try watched.hits(on: sensors, ofAnybody: row.isOfAnybody, row.act).values
            let told = hits.compactMap { $0.first { $0.index == 0 }?.description }
            #expect(told.contains(row.wanted), "told: \(told)")
            #expect(!told.contains(row.unwanted))
            let missed = try sensors.missed()
            #expect(missed == 0)
        }
    }
}
