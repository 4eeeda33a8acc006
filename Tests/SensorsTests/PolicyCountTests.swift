// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// What is told of hits and of the ends of their calls, and what is counted instead.
    @Suite struct PolicyCountTests: KernelSuite {
        private func act(_ words: String...) throws -> Int32 {
            try Child(TestProgram.act, words.map { Array($0.utf8) }).end().status
        }

        private var marker: String { PolicyTrial.marker }

        @Test("each hit counts once, and each action as it was done, or kept back by monitor mode")
        func counts() throws {
            for (isMonitored, signal, notice, override) in [
                (false, POL_COUNT_SIGNAL, POL_COUNT_NOTIFY, POL_COUNT_OVERRIDE),
                (true, POL_COUNT_MONITORED_SIGNAL, POL_COUNT_MONITORED_NOTIFY, POL_COUNT_MONITORED_OVERRIDE),
            ] {
                var trial = PolicyTrial()
                // What a tracepoint does not override is counted as asked for all the same.
                trial.act(POL_DO_SIGNAL, POL_DO_NOTIFY_ENFORCER, POL_DO_OVERRIDE)
                trial.values.actions.0.signal = UInt32(SIGCONT)
                trial.values.actions.0.enforcer = 3
                trial.values.is_monitored = isMonitored ? 1 : 0
                var counts: [UInt64] = []
                _ = try trial.run(on: try sensors) { parts in
                    for _ in 0..<3 { _ = try act("open", marker + "a") }
                    counts = try parts.program.counts(ofRow: 0)[0]
                    try parts.program.clearCounts(ofRow: 0)
                    #expect(try parts.program.counts(ofRow: 0).joined().allSatisfy { $0 == 0 })
                }
                var expected = [UInt64](repeating: 0, count: Int(POL_COUNT_SIZE.rawValue))
                for what in [POL_COUNT_POST, signal, notice, override] { expected[Int(what.rawValue)] = 3 }
                // Each process leaves a notice that nobody takes; that is seen when the next of its thread comes.
                #expect(counts == expected)
            }
        }

        @Test("a hit of which no event is wanted counts, too")
        func unpostedCounts() throws {
            var trial = PolicyTrial()
            trial.act(POL_DO_NO_POST)
            var counts: [UInt64] = []
            let hits = try trial.run(on: try sensors) { parts in
                for _ in 0..<3 { PolicyTrial.open("a") }
                counts = try parts.program.counts(ofRow: 0)[0]
            }
            #expect(hits.isEmpty)
            #expect(counts[Int(POL_COUNT_NO_POST.rawValue)] == 3 && counts.reduce(0, +) == 3)
        }

        /// A trial whose call has an end: the raw tracepoints of open(2).
        private var ending: PolicyTrial {
            var trial = PolicyTrial(at: .systemCalls([SystemCall("openat")], by: .rawSyscall))
            trial.shape.is_syscall = 1
            trial.setArgument(0, POL_STRING, raw: 1, max: 4096, isFiltered: true)
            trial.setArgument(1, POL_I64, raw: UInt8(POL_RAW_RETURN.rawValue))
            trial.shape.raw_count = 2
            trial.shape.has_return = 1
            trial.shape.arguments.1.flags = UInt8(POL_AT_RETURN.rawValue)
            trial.capacity.bytes[24] = 16
            trial.capacity.lengths = 4
            trial.add(POL_BYTES, 0, POL_PREFIX, 1000)
            return trial
        }

        /// What three calls come to: those that were posted, those that were not, those that a rate held back.
        private func opened(_ trial: PolicyTrial) throws -> (hits: [PolicyHit], counts: [UInt64]) {
            var counts: [UInt64] = []
            let hits = try trial.run(on: try sensors) { parts in
                for _ in 0..<3 { PolicyTrial.open("a") }
                counts = try parts.program.counts(ofRow: 0)[0]
            }
            let told = [POL_COUNT_POST, POL_COUNT_NO_POST, POL_COUNT_LIMITED]
            return (hits, told.map { counts[Int($0.rawValue)] })
        }

        @Test("a hit counts for the selector that matched, of each row, and for no other", arguments: [false, true])
        func selectors(atTheEnd: Bool) throws {
            var trial = atTheEnd ? ending : PolicyTrial()
            trial.shape.selectors = 2
            trial.shape.at_entry.1 = trial.shape.at_entry.0
            trial.values.operands.1 = trial.values.operands.0
            // The first row's first selector is for one name, the second row's for none.
            trial.act(POL_DO_NO_POST)
            trial.values.operands.0.0.a = 1001
            trial.capacity.rows = 2
            var counts: [[[UInt64]]] = []
            let hits = try trial.run(on: try sensors) { parts in
                try parts.program.insert(bytes: Array((marker + "a").utf8), into: 1001)
                try parts.program.setLengths([UInt32(marker.utf8.count) + 1], of: 1001)
                var second = trial.values
                second.operands.0.0.a = 1002
                try parts.program.setRow(1, second)
            } _: { parts in
                for name in ["a", "b", "a", "b", "b"] { PolicyTrial.open(name) }
                counts = try [0, 1].map { try parts.program.counts(ofRow: $0) }
                try parts.program.clearCounts(ofRow: 1)
                #expect(try parts.program.counts(ofRow: 1).joined().allSatisfy { $0 == 0 })
                #expect(try parts.program.counts(ofRow: 0) == counts[0])
            }
            func only(_ what: pol_count, _ count: UInt64) -> [UInt64] {
                (0..<POL_COUNT_SIZE.rawValue).map { $0 == what.rawValue ? count : 0 }
            }
            let none = only(POL_COUNT_POST, 0)
            #expect(
                counts == [[only(POL_COUNT_NO_POST, 2), only(POL_COUNT_POST, 3)], [none, only(POL_COUNT_POST, 5)]])
            #expect(hits.map(\.fixed.selector).allSatisfy { $0 == 1 } && hits.count == (atTheEnd ? 16 : 8))
        }

        @Test("a call is told with its end, and counts then")
        func ends() throws {
            let (hits, counts) = try opened(ending)
            #expect(hits.map { $0.has(POL_IS_RETURN) } == [false, true, false, true, false, true])
            #expect(hits.allSatisfy { !$0.has(POL_DROPPED_AT_RETURN) })
            #expect(counts == [3, 0, 0])
        }

        @Test("of a call whose beginning nobody wants no end is told")
        func unpostedEnds() throws {
            var trial = ending
            trial.act(POL_DO_NO_POST)
            let (hits, counts) = try opened(trial)
            #expect(hits.isEmpty)
            #expect(counts == [0, 3, 0])
        }

        @Test("nor of one whose beginning a rate held back")
        func limitedEnds() throws {
            var trial = ending
            trial.act(post: POL_RATE_LIMITED.rawValue)
            trial.values.actions.0.limit_ns = 3_600_000_000_000
            trial.capacity.rates = 64
            let (hits, counts) = try opened(trial)
            #expect(hits.map { $0.has(POL_IS_RETURN) } == [false, true])
            #expect(counts == [1, 0, 2])
        }

        @Test("a call whose end nobody wants is taken back")
        func droppedEnds() throws {
            var trial = ending
            trial.shape.at_return.actions.0 = UInt8(POL_DO_NO_POST.rawValue)
            let (hits, counts) = try opened(trial)
            #expect(hits.map { $0.has(POL_DROPPED_AT_RETURN) } == [false, true, false, true, false, true])
            #expect(counts == [0, 3, 0])
        }
    }
}
