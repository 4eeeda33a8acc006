// SPDX-License-Identifier: Apache-2.0

/// The cgroups that have more events than they may, from what the kernel says of each record.
package struct Throttles: Sendable {
    /// One that begins, or is over.
    package struct Change: Sendable, Equatable {
        package let isStart: Bool
        package let cgroup: UInt64
        /// A process in it, at the beginning.
        package let pid: UInt32
        /// ns of CLOCK_BOOTTIME.
        package let time: UInt64
    }

    private var last: [UInt64: UInt64] = [:]
    private var changes: [Change] = []

    /// So long must it be quiet, ns.
    private static let quiet: UInt64 = 5_000_000_000
    /// The kernel counts for no more either.
    private static let most = 16_384

    /// - Parameter pid: whose event was left out.
    mutating func note(_ cgroup: UInt64, of pid: UInt32, at time: UInt64) {
        if let known = last[cgroup] {
            last[cgroup] = max(known, time)
        } else if last.count < Self.most {
            last[cgroup] = time
            changes.append(Change(isStart: true, cgroup: cgroup, pid: pid, time: time))
        }
    }

    /// What has begun and ended since it was last asked.
    package mutating func take(at now: UInt64) -> [Change] {
        guard !last.isEmpty else { return [] }
        for (cgroup, time) in last where now > time &+ Self.quiet {
            last[cgroup] = nil
            changes.append(Change(isStart: false, cgroup: cgroup, pid: 0, time: now))
        }
        defer { changes = [] }
        return changes
    }
}
