// SPDX-License-Identifier: Apache-2.0

/// A cgroup's events of processes are more than it may have, or are so no longer.
package struct Throttle: Sendable, Equatable {
    package var isStart: Bool
    /// Its directory's path, or the kernel's number where that is not known.
    package var cgroup: String
    /// Nanoseconds of CLOCK_BOOTTIME, and since 1970.
    package var bootTime: UInt64
    package var time: Int64

    package init(isStart: Bool, cgroup: String, bootTime: UInt64, time: Int64) {
        self.isStart = isStart
        self.cgroup = cgroup
        self.bootTime = bootTime
        self.time = time
    }
}
