// SPDX-License-Identifier: Apache-2.0

/// What was lost since it was last told, from counts that only grow.
package struct LossNews: Sendable {
    private var ringFull: [UInt64] = []
    private var malformed: UInt64 = 0
    private var missed: UInt64 = 0
    private var loads: UInt64 = 0

    package init() {}

    /// Nil where nothing was.
    /// - Parameters:
    ///   - numbered: records that each CPU numbered and that did not arrive. A record that arrives late was none of them:
    ///     the count may fall again, and is not told twice.
    ///   - counted: records that each CPU found no room for. Whichever of both is more counts.
    ///   - loads: mapped files that found none in rings of their own.
    package mutating func since(
        numbered: [UInt64], counted: [UInt64], malformed: UInt64, missed: UInt64, loads: UInt64 = 0
    ) -> Loss? {
        var loss = Loss()
        for cpu in 0..<max(numbered.count, counted.count) {
            let count = max(cpu < numbered.count ? numbered[cpu] : 0, cpu < counted.count ? counted[cpu] : 0)
            if cpu == ringFull.count { ringFull.append(0) }
            if let new = Self.growth(&ringFull[cpu], to: count) {
                loss.add(.init(.ringFull, cpu: UInt32(cpu), count: new))
            }
        }
        if let new = Self.growth(&self.malformed, to: malformed) { loss.add(.init(.malformed, count: new)) }
        if let new = Self.growth(&self.missed, to: missed) { loss.add(.init(.missed, count: new)) }
        if let new = Self.growth(&self.loads, to: loads) { loss.add(.init(.ringFull, count: new)) }
        return loss.isEmpty ? nil : loss
    }

    private static func growth(_ told: inout UInt64, to count: UInt64) -> UInt64? {
        guard count > told else { return nil }
        defer { told = count }
        return count - told
    }
}
