// SPDX-License-Identifier: Apache-2.0

/// Whether an image is a container runtime's own program. By name, and on the host: only root of the host can make its
/// own program look like one.
package enum RuntimeLineage: Sendable {
    case none
    case runtime
    /// A monitor of containers: it runs them, or what is executed in them.
    case monitor
    /// A runtime that a monitor started.
    case runtimeOfMonitor

    var isRuntime: Bool { self != .none }

    /// A program on the host.
    static func ofHost(_ binary: String, after previous: RuntimeLineage, _ names: RuntimeNames) -> RuntimeLineage {
        guard let name = names.name(of: binary) else { return .none }
        if name.hasPrefix("conmon") { return .monitor }
        return previous == .monitor || previous == .runtimeOfMonitor ? .runtimeOfMonitor : .runtime
    }

    /// Whether a runtime's program executes itself again, from a copy in memory or by a descriptor: `runc init`, crun.
    static func isSelf(_ binary: String, isUnlinked: Bool) -> Bool {
        isUnlinked || binary.hasPrefix("/proc/self/") || binary.hasPrefix("/dev/fd/")
    }
}

/// Names of programs that make containers.
struct RuntimeNames {
    private let names: Set<String>
    /// Which lengths they have: most programs are none of them, and this is asked for each that is executed.
    private let lengths: UInt64

    init(_ names: Set<String>) {
        self.names = names
        lengths = names.reduce(0) { $0 | 1 << UInt64(min($1.utf8.count, 63)) }
    }

    /// The last part of a path, if it is one of the names.
    func name(of path: String) -> String? {
        let bytes = path.utf8
        let start = bytes.lastIndex(of: UInt8(ascii: "/")).map(bytes.index(after:)) ?? bytes.startIndex
        let length = bytes.distance(from: start, to: bytes.endIndex)
        guard lengths & 1 << UInt64(min(length, 63)) != 0 else { return nil }
        let name = String(path[start...])
        return names.contains(name) ? name : nil
    }
}
