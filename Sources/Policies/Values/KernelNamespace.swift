// SPDX-License-Identifier: Apache-2.0

/// A kind of namespace that a process is in.
package enum KernelNamespace: String, Choice {
    case uts = "Uts"
    case ipc = "Ipc"
    case mount = "Mnt"
    case pid = "Pid"
    case pidForChildren = "PidForChildren"
    case network = "Net"
    case time = "Time"
    case timeForChildren = "TimeForChildren"
    case cgroup = "Cgroup"
    case user = "User"

    package var doc: String {
        switch self {
        case .uts: "Host and domain names."
        case .ipc: "System V IPC and POSIX message queues."
        case .mount: "Mounts."
        case .pid: "Process ids, as the process itself sees them."
        case .pidForChildren: "Process ids, as its children will see them."
        case .network: "Network devices, addresses and ports."
        case .time: "Clocks, as the process itself sees them."
        case .timeForChildren: "Clocks, as its children will see them."
        case .cgroup: "The root of cgroups."
        case .user: "User ids and capabilities."
        }
    }
}
