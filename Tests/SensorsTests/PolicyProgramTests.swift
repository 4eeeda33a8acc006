// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// Programs of policies at hooks that every kernel has: what is done, what is read of it, and what is not.
    @Suite struct PolicyProgramTests: KernelSuite {
        /// open(2) by its tracepoint: the path is the field behind the directory's descriptor.
        private func openings(
            _ op: UInt32, _ texts: [String], lengths: [Int] = [], generation: UInt32 = 1, of rows: ClosedRange<UInt32>,
            _ action: () throws -> Void
        ) throws -> [PolicyHit] {
            var shape = pol_shape()
            shape.selectors = 1
            shape.arguments.0 = pol_argument(POL_STRING, at: 24, POL_FILTERED)
            shape.arguments.1 = pol_argument(POL_I32, raw: 1, at: 32)
            shape.at_entry.0.filters.0 = pol_filter(what: UInt8(POL_BYTES.rawValue), index: 0, op: UInt8(op), pad: 0)
            var capacity = PolicyCapacity()
            for text in texts {
                if let bucket = PolicyCapacity.bucket(of: text.utf8.count) { capacity.bytes[bucket] = 16 }
            }
            capacity.lengths = lengths.isEmpty ? 0 : 1

            let maps = try sensors.policyMaps(Hierarchy.configuration(ringBytes: 64 << 20), types: KernelTypes())
            let program = try PolicyProgram(
                at: .tracepoint(subsystem: "syscalls", event: "sys_enter_openat"), shape: shape, capacity: capacity,
                sharing: maps)
            for text in texts { try program.insert(bytes: Array(text.utf8), into: 3) }
            if !lengths.isEmpty { try program.setLengths(lengths.map { UInt32($0) }, of: 3) }
            var row = pol_row()
            row.id = 42
            row.from = rows.lowerBound
            row.until = rows.upperBound
            row.operands.0.0.a = 3
            try program.setRow(0, row)
            try maps.setGeneration(generation)
            try program.attach()
            defer { program.detach() }
            try action()
            program.detach()
            return try sensors.takeHits().filter { $0.fixed.image.tgid == getpid() }
        }

        private func look(at path: String) {
            let file = open(path, O_RDONLY | O_CLOEXEC)
            if file >= 0 { close(file) }
        }

        @Test("a path among those that are named is told, with the flags; another one is not")
        func equality() throws {
            let long = "/tmp/" + String(repeating: "x", count: 300)
            let hits = try openings(POL_IN.rawValue, ["/tmp/apus-named", long], of: 1...100) {
                for path in ["/tmp/apus-named", "/tmp/apus-name", "/tmp/apus-named2", long, long + "y"] {
                    look(at: path)
                }
            }
            let flags = withUnsafeBytes(of: UInt64(O_RDONLY | O_CLOEXEC)) { Array($0) }
            #expect(hits.map { $0.text } == ["/tmp/apus-named", long])
            #expect(hits.allSatisfy { $0.row == 42 && $0.fixed.selector == 0 && $0.values[1] == flags })
            #expect(hits.allSatisfy { $0.action == UInt8(POL_DO_POST.rawValue) })
        }

        @Test("prefixes and postfixes of any of the lengths")
        func affixes() throws {
            let paths = ["/tmp/apus-a", "/tmp/apus-bc", "/tmp/other", "/tmp"]
            let begun = try openings(POL_PREFIX.rawValue, ["/tmp/apus-a", "/tmp/o"], lengths: [11, 6], of: 1...100) {
                paths.forEach(look)
            }
            #expect(
                begun.compactMap { $0.text(0) } == [paths[0], paths[2]])
            let ended = try openings(POL_POSTFIX.rawValue, ["bc", "tmp"], lengths: [2, 3], of: 1...100) {
                paths.forEach(look)
            }
            #expect(
                ended.compactMap { $0.text(0) } == [paths[1], paths[3]])
        }

        @Test("what is negated holds for all but those")
        func negation() throws {
            let op = POL_IN.rawValue | POL_NEGATED.rawValue
            let hits = try openings(op, ["/tmp/apus-named"], of: 1...100) {
                look(at: "/tmp/apus-named")
                look(at: "/tmp/apus-other")
            }
            #expect(hits.contains { $0.values[0] == Array("/tmp/apus-other".utf8) })
            #expect(!hits.contains { $0.values[0] == Array("/tmp/apus-named".utf8) })
        }

        @Test(
            "a row holds from its generation on, and not beyond", arguments: [(UInt32(4), 0), (5, 1), (8, 1), (9, 0)])
        func generations(_ generation: UInt32, _ count: Int) throws {
            let hits = try openings(POL_IN.rawValue, ["/tmp/apus-named"], generation: generation, of: 5...9) {
                look(at: "/tmp/apus-named")
            }
            #expect(hits.count == count)
        }
    }
}
