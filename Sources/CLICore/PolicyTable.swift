// SPDX-License-Identifier: Apache-2.0

package import TetragonAPI

/// Policies for people: a line each, and others for what is wrong with one and what its user should know.
package struct PolicyTable: Sendable {
    private let policies: [Tetragon_TracingPolicyStatus]

    package init(_ policies: [Tetragon_TracingPolicyStatus]) {
        self.policies = policies.sorted { $0.id < $1.id }
    }

    package func text(isColored: Bool) -> String {
        let palette = Palette(isColored: isColored)
        let rows = policies.map { policy in
            [
                String(policy.id), TextTable.cell(policy.name), policy.state.text, policy.mode.text,
                String(policy.filterID), TextTable.cell(policy.namespace),
                TextTable.cell(Self.sensors(policy.sensors)), Self.bytes(policy.kernelMemoryBytes),
                String(policy.stats.hits), String(policy.stats.missed),
            ]
        }
        let lines = TextTable(
            titles: [
                "ID", "NAME", "STATE", "MODE", "FILTERID", "NAMESPACE", "SENSORS", "KERNELMEMORY", "HITS", "MISSED",
            ], rows: rows, numeric: [0, 4, 7, 8, 9]
        ).lines(palette) { row, column, cell in
            column == 2 ? palette.paint(cell, policies[row].state.ink) : cell
        }
        var text = (lines.first ?? "") + "\n"
        for (line, policy) in zip(lines.dropFirst(), policies) {
            text += line + "\n"
            if !policy.error.isEmpty { text += "    error: \(policy.error.terminalSafe)\n" }
            if !policy.info.isEmpty { text += "    note: \(policy.info.terminalSafe)\n" }
        }
        return text
    }

    /// Two of them, and how many more there are: a line is not to be as long as a policy.
    private static func sensors(_ names: [String]) -> String {
        let shown = names.prefix(2).joined(separator: ",")
        return names.count > 2 ? "\(shown) and \(names.count - 2) more" : shown
    }

    /// `512 B`, `56.1 kB`, `1.2 MB`.
    private static func bytes(_ count: UInt64) -> String {
        switch count {
        case ..<1000: "\(count) B"
        case ..<1_000_000: "\(count / 1000).\(count / 100 % 10) kB"
        default: "\(count / 1_000_000).\(count / 100_000 % 10) MB"
        }
    }
}

extension Tetragon_TracingPolicyMode {
    fileprivate var text: String {
        switch self {
        case .tpModeEnforce: "enforce"
        case .tpModeMonitor: "monitor"
        case .tpModeMonitorOnly: "monitor_only"
        case .tpModeUnknown, .UNRECOGNIZED: "-"
        }
    }
}

extension Tetragon_TracingPolicyState {
    fileprivate var text: String {
        switch self {
        case .tpStateEnabled: "enabled"
        case .tpStateDisabled: "disabled"
        case .tpStateLoadError: "load_error"
        case .tpStateError: "error"
        case .tpStateLoading: "loading"
        case .tpStateUnloading: "unloading"
        case .tpStateSkipped: "skipped"
        case .tpStatePartiallyEnabled: "partially_enabled"
        case .tpStateUnknown, .UNRECOGNIZED: "unknown"
        }
    }

    fileprivate var ink: Palette.Ink {
        switch self {
        case .tpStateEnabled: .green
        case .tpStateLoadError, .tpStateError: .red
        case .tpStateDisabled, .tpStateLoading, .tpStateUnloading, .tpStateSkipped, .tpStatePartiallyEnabled,
            .tpStateUnknown, .UNRECOGNIZED:
            .yellow
        }
    }
}
