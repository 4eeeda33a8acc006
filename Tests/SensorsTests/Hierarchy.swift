// SPDX-License-Identifier: Apache-2.0
import CLinux
import Glibc
import Sensors

/// The hierarchy that tells this machine's containers apart: cgroup2 if it is mounted, else v1's pids.
enum Hierarchy {
    static let root: String = {
        let cgroup2: [String] = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
        return cgroup2.first { (path: String) in apus_filesystem_type(path) == apus_magic_cgroup2 }
            ?? "/sys/fs/cgroup/pids"
    }()
    static var isV1: Bool { root == "/sys/fs/cgroup/pids" }
    /// Whether there is a v1 hierarchy that can name containers, the chosen one or not.
    static var hasPids: Bool { access("/sys/fs/cgroup/pids/cgroup.procs", F_OK) == 0 }

    static func configuration(ringBytes: Int) throws -> SensorConfiguration {
        isV1 ? try pids(ringBytes: ringBytes) : SensorConfiguration(ringBytes: ringBytes)
    }

    /// v1's pids controller, where it is mounted.
    static func pids(ringBytes: Int) throws -> SensorConfiguration {
        let line = OwnProcess.lines(of: "/proc/cgroups").first { $0.hasPrefix("pids\t") }
        guard let number = line?.split(separator: "\t").dropFirst().first.flatMap({ UInt32($0) }),
            let subsystem = try KernelTypes().cgroupSubsystem("pids")
        else { throw TestFailure("the kernel has no pids controller") }
        return SensorConfiguration(ringBytes: ringBytes, cgroupV1Subsystem: subsystem, cgroupHierarchy: number)
    }

    /// The test's own directory, from a line such as `0::/path` or `8:pids:/path`.
    static var ownDirectory: String {
        let name = isV1 ? ":pids:" : "0::"
        let line = OwnProcess.file("cgroup").split(separator: "\n").first { $0.contains(name) } ?? ":/"
        return root + line.drop { $0 != "/" }
    }
}
