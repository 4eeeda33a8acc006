// SPDX-License-Identifier: Apache-2.0

package import TetragonAPI

/// How the agent is, for people: a line for each part.
package struct StatusReport: Sendable {
    private let lines: [(part: String, state: String, isGood: Bool)]
    /// Features that the kernel has not: nothing is wrong with the agent, and somebody may wonder why a policy is.
    private let missing: String?

    package init(
        server: ServerAddress, version: String, health: Tetragon_GetHealthStatusResponse,
        info: Tetragon_GetInfoResponse? = nil
    ) {
        missing = info.flatMap { FeatureReport($0).missing }
        lines =
            [("server", server.description.terminalSafe, true), ("version", version.terminalSafe, true)]
            + health.healthStatus.map { ($0.event.partName, $0.stateText, $0.status == .healthStatusRunning) }
    }

    /// Everything that was reported runs, and something was reported.
    package var isRunning: Bool {
        lines.count > 2 && lines.allSatisfy(\.isGood)
    }

    package func text(isColored: Bool) -> String {
        let palette = Palette(isColored: isColored)
        let width = lines.map(\.part.count).max() ?? 0
        let shown = lines.count > 2 ? lines : lines + [("agent", "did not say how it is", false)]
        var text = shown.enumerated().map { index, line in
            let state = index < 2 ? line.state : palette.paint(line.state, line.isGood ? .green : .red)
            return line.part.padded(to: width) + "  " + state + "\n"
        }.joined()
        if let missing {
            let state = palette.paint("without \(missing)", .yellow)
            text += "kernel".padded(to: width) + "  " + state + " (apus probe says more)\n"
        }
        return text
    }
}

extension Tetragon_HealthStatusType {
    fileprivate var partName: String {
        switch self {
        case .status: "agent"
        case .undef: "part"
        case .UNRECOGNIZED(let number): "part \(number)"
        }
    }
}

extension Tetragon_HealthStatus {
    /// The state in a word, and what there is to say beyond it.
    fileprivate var stateText: String {
        let word =
            switch status {
            case .healthStatusRunning: "running"
            case .healthStatusStopped: "stopped"
            case .healthStatusError: "error"
            case .healthStatusUndef, .UNRECOGNIZED: "unknown"
            }
        if details.isEmpty { return word }
        // Agents like to begin the details with the state.
        return details.hasPrefix(word) ? details.terminalSafe : "\(word): \(details.terminalSafe)"
    }
}
