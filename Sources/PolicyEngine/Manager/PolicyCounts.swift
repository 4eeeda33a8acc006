// SPDX-License-Identifier: Apache-2.0
import CRecords

/// What a policy's hooks have done since the policy came, as the kernel counts it.
package struct PolicyCounts: Sendable, Equatable {
    /// By enum pol_count.
    private var counts = [UInt64](repeating: 0, count: Self.size)
    /// Calls that a hook was to see and did not: ``PolicyMisses/total`` of its program.
    package var missed: UInt64 = 0

    private static let size = Int(POL_COUNT_SIZE.rawValue)

    package init() {}

    /// - Parameter counts: by enum pol_count; what is missing is 0.
    package init(_ counts: [UInt64], missed: UInt64 = 0) {
        for (index, count) in zip(0..<Self.size, counts) { self.counts[index] = count }
        self.missed = missed
    }

    private subscript(what: pol_count) -> UInt64 { counts[Int(what.rawValue)] }

    /// Calls that a selector was for.
    package var hits: UInt64 { posts &+ unposted &+ limited }

    /// Events.
    package var posts: UInt64 { self[POL_COUNT_POST] }
    /// Hits of which the policy wants no event.
    package var unposted: UInt64 { self[POL_COUNT_NO_POST] }
    /// Events that a rate limit held back.
    package var limited: UInt64 { self[POL_COUNT_LIMITED] }
    package var signals: UInt64 { self[POL_COUNT_SIGNAL] }
    package var overrides: UInt64 { self[POL_COUNT_OVERRIDE] }
    /// Notices to an enforcer.
    package var notices: UInt64 { self[POL_COUNT_NOTIFY] }
    // What monitor mode kept back.
    package var monitoredSignals: UInt64 { self[POL_COUNT_MONITORED_SIGNAL] }
    package var monitoredOverrides: UInt64 { self[POL_COUNT_MONITORED_OVERRIDE] }
    package var monitoredNotices: UInt64 { self[POL_COUNT_MONITORED_NOTIFY] }
    // What was tried, and the kernel did not do.
    package var failedSignals: UInt64 { self[POL_COUNT_SIGNAL_FAILED] }
    package var failedNotices: UInt64 { self[POL_COUNT_NOT_ENFORCED] }
    package var failedHashes: UInt64 { self[POL_COUNT_UNHASHED] }

    package static func += (one: inout Self, other: Self) {
        for index in one.counts.indices { one.counts[index] &+= other.counts[index] }
        one.missed &+= other.missed
    }
}

/// Calls that a program was to see and did not.
package struct PolicyMisses: Sendable, Equatable {
    /// It was running already on that CPU.
    package var recursion: UInt64
    /// The kernel's probe was busy with another call.
    package var probe: UInt64
    /// The CPU had as many hits in hand as it has memory for.
    package var busy: UInt64
    /// Ends of calls whose beginning was told.
    package var returns: UInt64

    package init(recursion: UInt64 = 0, probe: UInt64 = 0, busy: UInt64 = 0, returns: UInt64 = 0) {
        self.recursion = recursion
        self.probe = probe
        self.busy = busy
        self.returns = returns
    }

    package var total: UInt64 { recursion &+ probe &+ busy &+ returns }

    package static func += (one: inout Self, other: Self) {
        one.recursion &+= other.recursion
        one.probe &+= other.probe
        one.busy &+= other.busy
        one.returns &+= other.returns
    }
}
