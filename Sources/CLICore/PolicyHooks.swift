// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf
package import TetragonAPI

/// A policy for people, with its hooks: a line each, and below it one for each of its selectors with what it has done.
package struct PolicyHooks: Sendable {
    private let policy: Tetragon_TracingPolicyStatus

    package init(_ policy: Tetragon_TracingPolicyStatus) { self.policy = policy }

    package func text(isColored: Bool) -> String {
        let text = PolicyTable([policy]).text(isColored: isColored)
        guard !policy.hookStatuses.isEmpty else { return text }
        let palette = Palette(isColored: isColored)
        let hooks = policy.hookStatuses
        let table = TextTable(
            titles: ["HOOK", "NAME", "STATE", "METHOD", "PLACE"],
            rows: hooks.map { hook in
                [
                    "\(TextTable.cell(hook.section))[\(hook.hookIdx)]", TextTable.cell(hook.name), hook.state.text,
                    TextTable.cell(hook.method), hook.hookDescription.terminalSafe,
                ]
            })
        let lines = table.lines(palette) { row, column, cell in
            column == 2 ? palette.paint(cell, hooks[row].state.ink) : cell
        }
        return text + "\n" + lines[0] + "\n"
            + zip(hooks, lines.dropFirst()).map { hook, line in
                line + "\n" + selectors(of: hook).map { "    \($0)\n" }.joined()
            }.joined() + selectors(of: nil).map { "before it was replaced: \($0)\n" }.joined()
    }

    /// - Parameter hook: nil: of none that the policy has.
    private func selectors(of hook: Tetragon_HookStatus?) -> [String] {
        policy.stats.selectorActionCounters.filter { counters in
            guard let hook else { return !counters.hasHookIndex }
            return counters.hasHookIndex && counters.section == hook.section && counters.hookIndex.value == hook.hookIdx
        }.map { counters in
            guard hook != nil else { return counters.actionCounters.text }
            let which = counters.hasSelectorIndex ? "selector \(counters.selectorIndex.value)" : "each call"
            return "\(which) (\(counters.selectorLabel.terminalSafe)): \(counters.actionCounters.text)"
        }
    }
}

extension Tetragon_TracingPolicyActionCounters {
    /// What there is of it, in the words of the API.
    fileprivate var text: String {
        let counts: KeyValuePairs<String, UInt64> = [
            "post": post, "nopost": nopost, "rate_limited": rateLimited, "signal": signal,
            "monitor_signal": monitorSignal, "override": override, "monitor_override": monitorOverride,
            "notify_enforcer": notifyEnforcer, "monitor_notify_enforcer": monitorNotifyEnforcer,
            "signal_failed": signalFailed, "notify_enforcer_failed": notifyEnforcerFailed, "hash_failed": hashFailed,
        ]
        let shown = counts.filter { $0.value > 0 }.map { "\($0.key) \($0.value)" }
        return shown.isEmpty ? "nothing yet" : shown.joined(separator: ", ")
    }
}

extension Tetragon_HookState {
    fileprivate var text: String {
        switch self {
        case .statusLoaded: "loaded"
        case .statusCallNotFound: "call_not_found"
        case .statusPartialCallNotFound: "partial_call_not_found"
        case .statusDigestRejected: "digest_rejected"
        case .statusUnspecified, .UNRECOGNIZED: "not_loaded"
        }
    }

    fileprivate var ink: Palette.Ink {
        switch self {
        case .statusLoaded: .green
        case .statusCallNotFound, .statusDigestRejected: .red
        case .statusPartialCallNotFound, .statusUnspecified, .UNRECOGNIZED: .yellow
        }
    }
}
