// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc

/// The one cgroup hierarchy whose ids name containers, chosen at start.
///
/// An id (kernfs) is 64 bits with a generation and unique within one hierarchy only, so everybody must mean the same
/// one: cgroup2 where it is mounted (v2 and hybrid hosts: runtimes put every container there), else the first of the
/// v1 controllers pids, freezer and memory.
package struct CgroupHierarchy: Sendable, Equatable {
    /// Where the hierarchy is mounted.
    package let root: String
    /// The v1 controller that it is mounted for; nil is cgroup2.
    package let controller: String?
    /// The kernel's number of the hierarchy (/proc/cgroups); 0 is cgroup2.
    package let number: UInt32

    package struct NotFound: Error, CustomStringConvertible {
        package let description: String
    }

    package init(root: String, controller: String?, number: UInt32) {
        self.root = root
        self.controller = controller
        self.number = number
    }

    /// Looks at what is mounted at `root`: cgroup2 itself, or a directory of v1 hierarchies with or without `unified`.
    package static func detect(root: String = "/sys/fs/cgroup", procfs: Procfs) throws(NotFound) -> CgroupHierarchy {
        for candidate in [root, "\(root)/unified"] where apus_filesystem_type(candidate) == apus_magic_cgroup2 {
            return CgroupHierarchy(root: candidate, controller: nil, number: 0)
        }
        let numbers = Self.hierarchyNumbers(procfs.text("cgroups", limit: 65536) ?? "")
        for controller in ["pids", "freezer", "memory"] {
            let candidate = "\(root)/\(controller)"
            if apus_filesystem_type(candidate) == apus_magic_cgroup1, let number = numbers[controller], number != 0 {
                return CgroupHierarchy(root: candidate, controller: controller, number: number)
            }
        }
        throw NotFound(
            description: "no cgroup hierarchy at \(root): neither cgroup2 (there or in unified/) nor a v1 hierarchy of "
                + "pids, freezer or memory is mounted; --cgroup-root says where the host's is")
    }

    /// The kernfs id of a cgroup directory given below the root; nil if there is none.
    package func id(ofPath path: String) -> UInt64? {
        let id = apus_cgroup_id(AT_FDCWD, root + path)
        return id == 0 ? nil : id
    }

    /// This hierarchy's line in a /proc/PID/cgroup file: `0::/path`, or `8:pids:/path` (`3:cpu,cpuacct:/path`).
    package func path(inCgroupFile text: String) -> String? {
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, fields[2].hasPrefix("/") else { continue }
            if let controller {
                guard fields[1].split(separator: ",").contains(Substring(controller)) else { continue }
            } else {
                guard fields[0] == "0", fields[1].isEmpty else { continue }
            }
            return String(fields[2])
        }
        return nil
    }

    /// `#subsys_name hierarchy num_cgroups enabled`, one controller a line.
    private static func hierarchyNumbers(_ text: String) -> [String: UInt32] {
        var numbers: [String: UInt32] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            let fields = line.split(whereSeparator: { $0 == "\t" || $0 == " " })
            if fields.count >= 2 { numbers[String(fields[0])] = UInt32(fields[1]) }
        }
        return numbers
    }
}
