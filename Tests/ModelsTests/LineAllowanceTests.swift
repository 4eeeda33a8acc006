// SPDX-License-Identifier: Apache-2.0
import Models
import Testing

@Suite struct LineAllowanceTests {
    private static let second: UInt64 = 1_000_000_000

    @Test("a burst is written, and what follows is counted")
    func burst() {
        var allowance = LineAllowance(every: Self.second / 2, burst: 3)
        #expect((0..<3).map { _ in allowance.take(now: 5) } == [0, 0, 0])
        #expect((0..<100).allSatisfy { _ in allowance.take(now: 5) == nil })
        #expect(allowance.take(now: 5 + Self.second / 2) == 100)
        #expect(allowance.take(now: 5 + Self.second / 2) == nil)
        #expect(allowance.take(now: 5 + Self.second) == 1)
    }

    @Test("in the long run there are so many a second")
    func rate() {
        var allowance = LineAllowance(every: Self.second / 5, burst: 20)
        let written = (0..<100_000).count { allowance.take(now: UInt64($0) * Self.second / 1000) != nil }
        #expect((500...521).contains(written))
    }

    @Test("an hour of silence is worth one burst")
    func silence() {
        var allowance = LineAllowance(every: Self.second / 1000, burst: 3)
        #expect(allowance.take(now: 0) == 0)
        #expect((0..<10).count { _ in allowance.take(now: UInt64.max) != nil } == 3)
    }

    @Test("a cause has a line a minute, with the number of those that it did not have, and another its own")
    func causes() {
        var allowance = LineAllowance.onceAMinute(mostCauses: 10)
        let start = 7 * Self.second
        #expect(allowance.take("p", now: start) == 0)
        #expect(allowance.take("p", now: start + Self.second) == nil)
        #expect(allowance.take("q", now: start + Self.second) == 0)
        #expect(allowance.take("p", now: start + 59 * Self.second) == nil)
        #expect(allowance.take("p", now: start + 60 * Self.second) == 2)
        #expect(allowance.take("p", now: start + 121 * Self.second) == 0)
    }

    @Test("when things have changed the next line is written")
    func reset() {
        var allowance = LineAllowance.onceAMinute()
        #expect(allowance.take(now: 5) == 0 && allowance.take(now: 6) == nil)
        allowance.reset()
        #expect(allowance.take(now: 7) == 0)
    }

    @Test("causes beyond the bound share one line, until those that are remembered are of no more account")
    func bound() {
        var allowance = LineAllowance.onceAMinute(mostCauses: 2)
        let start = 100 * Self.second
        #expect(["a", "b", "c", "d", "e"].map { allowance.take($0, now: start) } == [0, 0, 0, nil, nil])
        // What b did not have is not forgotten, so that only a makes room.
        #expect(allowance.take("b", now: start + 1) == nil)
        let later = start + 61 * Self.second
        #expect(allowance.take("f", now: later) == 0)
        #expect(allowance.take("g", now: later) == 2)
        #expect(allowance.take("b", now: later) == 1)
    }
}
