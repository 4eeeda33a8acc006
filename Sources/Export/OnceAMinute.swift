// SPDX-License-Identifier: Apache-2.0
internal import Processes

/// Lets a log line through once a minute: a full disk is one fact, not one for every event.
struct OnceAMinute {
    private var last: UInt64?

    mutating func take(now: UInt64 = WallClock.bootNanoseconds) -> Bool {
        guard last.map({ now &- $0 >= 60_000_000_000 }) ?? true else { return false }
        last = now
        return true
    }

    /// The next is let through: things have changed.
    mutating func reset() { last = nil }
}
