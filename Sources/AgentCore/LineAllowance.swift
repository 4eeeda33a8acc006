// SPDX-License-Identifier: Apache-2.0

/// How many log lines a stranger can cause: some at once, a few a second for ever after. What is left out is counted,
/// and the next line that may be written tells.
package struct LineAllowance: Sendable {
    private let perSecond: UInt64
    private let burst: UInt64
    /// Lines that may be written now, in billionths of one.
    private var credit: UInt64
    private var lastTime: UInt64?
    private var suppressed: UInt64 = 0

    private static let line: UInt64 = 1_000_000_000

    /// - Parameters:
    ///   - perSecond: lines a second in the long run, 1 to 1,000.
    ///   - burst: lines at once, 1 to 1,000.
    package init(perSecond: UInt64, burst: UInt64) {
        self.perSecond = min(max(perSecond, 1), 1000)
        self.burst = min(max(burst, 1), 1000)
        credit = self.burst * Self.line
    }

    /// - Parameter now: nanoseconds of a clock that does not go back.
    /// - Returns: nil if this line must not be written, else the number of those left out since the last.
    package mutating func take(now: UInt64) -> UInt64? {
        // More than the burst's worth of time is as good as that: nothing overflows.
        let elapsed = min(now &- (lastTime ?? now), burst * Self.line)
        lastTime = now
        credit = min(credit + elapsed * perSecond, burst * Self.line)
        guard credit >= Self.line else {
            suppressed += 1
            return nil
        }
        credit -= Self.line
        defer { suppressed = 0 }
        return suppressed
    }
}
