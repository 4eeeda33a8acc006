// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Turns the kernel's boot-time nanoseconds into wall-clock time.
///
/// The offset is measured, not constant: a step of the wall clock moves it. It is renewed now and then, so that a
/// process's start keeps its value while it is in the table and new events follow the clock.
package struct WallClock: Sendable {
    /// Nanoseconds to add to CLOCK_BOOTTIME to get CLOCK_REALTIME.
    package private(set) var offset: Int64 = 0
    private var measuredAt: UInt64 = 0

    package init() { measure() }

    package static var bootNanoseconds: UInt64 { read(CLOCK_BOOTTIME) }

    /// Nanoseconds since 1970 of a moment in boot time.
    package func wall(_ boot: UInt64) -> Int64 { Int64(bitPattern: boot) &+ offset }

    /// Measures again if the last measurement is older than ten seconds.
    package mutating func refresh(now: UInt64) {
        if now > measuredAt &+ 10_000_000_000 { measure() }
    }

    private mutating func measure() {
        let before = Self.read(CLOCK_BOOTTIME)
        let wall = Self.read(CLOCK_REALTIME)
        let after = Self.read(CLOCK_BOOTTIME)
        offset = Int64(wall) - Int64(before + (after - before) / 2)
        measuredAt = after
    }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
