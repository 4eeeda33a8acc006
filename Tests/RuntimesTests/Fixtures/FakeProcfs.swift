// SPDX-License-Identifier: Apache-2.0
import Containers

/// What the kernel would say of processes that a test makes up.
struct FakeProcfs {
    let scratch: Scratch
    var procfs: Procfs { Procfs(root: scratch.path) }
    /// Of these files; no directory of it is looked at.
    let hierarchy = CgroupHierarchy(root: "/sys/fs/cgroup", controller: nil, number: 0)

    init() throws { scratch = try Scratch() }

    func add(_ pid: UInt32, cgroup: String, start: UInt64 = 1000, state: String = "S") throws {
        let between = Array(repeating: "0", count: 17).joined(separator: " ")
        try scratch.write("\(pid)/stat", "\(pid) (a) b) \(state) 1 \(between) \(start) 0 0\n")
        try scratch.write("\(pid)/cgroup", "8:pids:/elsewhere\n0::\(cgroup)\n")
    }
}
