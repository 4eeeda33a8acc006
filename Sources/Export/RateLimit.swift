// SPDX-License-Identifier: Apache-2.0

/// So many events a minute: a bucket that holds a minute's worth and fills evenly. What it withholds is counted, and
/// the count is due once a minute.
package struct RateLimit: Sendable {
    private let perMinute: UInt64
    /// Events that may pass now, in nanoseconds of a minute each.
    private var credit: UInt64
    private var lastTime: UInt64
    private var withheld: UInt64 = 0
    private var toldAt: UInt64

    private static let minute: UInt64 = 60_000_000_000
    /// So that a minute's worth of credit is a number.
    package static let highest = 100_000_000

    /// - Parameters:
    ///   - perMinute: 0 to ``highest``; with 0 nothing passes.
    ///   - now: nanoseconds of a clock that does not go back, as in every call.
    package init(perMinute: Int, now: UInt64) {
        self.perMinute = UInt64(min(max(perMinute, 0), Self.highest))
        credit = self.perMinute * Self.minute
        lastTime = now
        toldAt = now
    }

    /// Whether one more event may pass; it is counted if not.
    package mutating func take(now: UInt64) -> Bool {
        let elapsed = min(now &- lastTime, Self.minute)
        lastTime = now
        credit = min(credit + elapsed * perMinute, perMinute * Self.minute)
        guard credit >= Self.minute else {
            withheld += 1
            return false
        }
        credit -= Self.minute
        return true
    }

    /// How many events were withheld since ``told(_:now:)``, when it is time to tell; else nil.
    /// - Parameter isLast: it is time in any case.
    package func due(now: UInt64, isLast: Bool = false) -> UInt64? {
        withheld > 0 && (isLast || now &- toldAt >= Self.minute) ? withheld : nil
    }

    /// So many were told of.
    package mutating func told(_ count: UInt64, now: UInt64) {
        withheld -= min(count, withheld)
        toldAt = now
    }
}
