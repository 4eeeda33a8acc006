// SPDX-License-Identifier: Apache-2.0

/// What is fixed before the programs are loaded.
package struct SensorConfiguration: Sendable {
    /// Size of the ring's data. A power of two, at least a page.
    package var ringBytes: Int
    /// Index of the v1 controller whose hierarchy names containers (``KernelTypes/cgroupSubsystem(_:)``); -1 for v2.
    package var cgroupV1Subsystem: Int32
    /// The number of that hierarchy in `/proc/cgroups`; 0 for v2.
    package var cgroupHierarchy: UInt32

    /// Whether execs bring their environment.
    package var environment: Bool

    /// How many forks, execs and exits a cgroup may have on one CPU before they are told in short.
    package struct Rate: Sendable, Equatable {
        package var limit: UInt64
        /// ns
        package var interval: UInt64

        package init(limit: UInt64, interval: UInt64) {
            self.limit = limit
            self.interval = interval
        }
    }

    package var cgroupRate: Rate?

    package init(
        ringBytes: Int = 8 << 20, cgroupV1Subsystem: Int32 = -1, cgroupHierarchy: UInt32 = 0, environment: Bool = false,
        cgroupRate: Rate? = nil
    ) {
        self.cgroupRate = cgroupRate
        self.ringBytes = ringBytes
        self.cgroupV1Subsystem = cgroupV1Subsystem
        self.cgroupHierarchy = cgroupHierarchy
        self.environment = environment
    }
}
