// SPDX-License-Identifier: Apache-2.0
package import CRecords
package import Containers

/// What is kept of a process only when it is asked for: it makes every event larger.
package struct DetailSettings: Sendable {
    /// Process.process_credentials
    package var credentials: Bool
    /// Process.ns
    package var namespaces: Bool
    /// Process.environment_variables
    package var environment: Bool
    /// The host's own, which is_host is told by.
    package var host: NamespaceNumbers

    package init(
        credentials: Bool = false, namespaces: Bool = false, environment: Bool = false, host: NamespaceNumbers = .init()
    ) {
        self.credentials = credentials
        self.namespaces = namespaces
        self.environment = environment
        self.host = host
    }
}

/// Credentials and namespaces as they were at the exec, with what it takes to tell them.
package final class ProcessDetails: Sendable {
    let credentials: Credentials?
    let namespaces: NamespaceNumbers?
    let host: NamespaceNumbers

    package init?(_ record: rec_exec, _ wanted: DetailSettings) {
        guard wanted.credentials || wanted.namespaces else { return nil }
        credentials = wanted.credentials ? Credentials(record.creds, namespace: record.ns.user) : nil
        namespaces = wanted.namespaces ? NamespaceNumbers(record.ns) : nil
        host = wanted.host
    }
}

/// The namespaces of a process by their inode numbers, in the order of the API's Namespaces, whose first field has the
/// number 1. 0: the kernel has no such kind, or it is not known.
package struct NamespaceNumbers: Sendable, Equatable {
    let numbers: [UInt32]

    /// As the API's fields and the links in /proc/PID/ns are called.
    static let names: [StaticString] = [
        "uts", "ipc", "mnt", "pid", "pid_for_children", "net", "time", "time_for_children", "cgroup", "user",
    ]
    private static let mount = 2
    private static let user = 9

    package init() { numbers = [UInt32](repeating: 0, count: Self.names.count) }

    init(_ record: rec_namespaces) {
        numbers = [
            record.uts, record.ipc, record.mnt, record.pid, record.pid_for_children, record.net, record.time,
            record.time_for_children, record.cgroup, record.user,
        ]
    }

    /// Those of a process that runs. What is out of reach is not known.
    package init(of pid: UInt32, in procfs: Procfs) {
        numbers = Self.names.map { procfs.namespace("\($0)", of: pid) ?? 0 }
    }

    package var isKnown: Bool { numbers.contains { $0 != 0 } }

    var userNumber: UInt32 { numbers[Self.user] }

    /// Whether one of them is this user namespace.
    func hasUserNamespace(_ number: UInt32) -> Bool { numbers[Self.user] == number && number != 0 }

    /// Whether one of them is this mount namespace.
    func hasMountNamespace(_ number: UInt32) -> Bool { numbers[Self.mount] == number && number != 0 }
}
