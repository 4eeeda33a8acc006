// SPDX-License-Identifier: Apache-2.0
import AgentCore
import Testing

@Suite struct LineAllowanceTests {
    private static let second: UInt64 = 1_000_000_000

    @Test func aBurstIsWrittenAndWhatFollowsIsCounted() {
        var allowance = LineAllowance(perSecond: 2, burst: 3)
        #expect((0..<3).map { _ in allowance.take(now: 5) } == [0, 0, 0])
        #expect((0..<100).allSatisfy { _ in allowance.take(now: 5) == nil })
        #expect(allowance.take(now: 5 + Self.second / 2) == 100)
        #expect(allowance.take(now: 5 + Self.second / 2) == nil)
        #expect(allowance.take(now: 5 + Self.second) == 1)
    }

    @Test func inTheLongRunThereAreSoManyASecond() {
        var allowance = LineAllowance(perSecond: 5, burst: 20)
        let written = (0..<100_000).count { allowance.take(now: UInt64($0) * Self.second / 1000) != nil }
        #expect((500...521).contains(written))
    }

    @Test func anHourOfSilenceIsWorthOneBurst() {
        var allowance = LineAllowance(perSecond: 1000, burst: 3)
        #expect(allowance.take(now: 0) == 0)
        #expect((0..<10).count { _ in allowance.take(now: UInt64.max) != nil } == 3)
    }
}
