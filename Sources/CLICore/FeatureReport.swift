// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf
package import TetragonAPI

/// What the kernel lets the agent do, for people.
package struct FeatureReport: Sendable {
    private let features: [Tetragon_GetInfoResponse.Probe]

    package init(_ info: Tetragon_GetInfoResponse) { features = info.probes }

    /// The names of what is missing, on one line; nil if nothing is.
    package var missing: String? {
        let names = features.filter { !$0.enabled.value }.map(\.name.terminalSafe)
        return names.isEmpty ? nil : names.joined(separator: ", ")
    }

    /// A line a feature, and another for what cannot be done without one that is missing.
    package func text(isColored: Bool) -> String {
        let palette = Palette(isColored: isColored)
        let names = features.map(\.name.terminalSafe)
        let width = max("FEATURE".count, names.map(\.count).max() ?? 0)
        let answerWidth = "PRESENT".count
        let margin = String(repeating: " ", count: width + answerWidth + 4)

        var text = palette.paint("FEATURE".padded(to: width) + "  PRESENT  WHY", .bold) + "\n"
        for (feature, name) in zip(features, names) {
            let isPresent = feature.enabled.value
            let answer = isPresent ? "yes" : "no"
            let padding = String(repeating: " ", count: answerWidth - answer.count)
            let line = [
                name.padded(to: width), palette.paint(answer, isPresent ? .green : .red) + padding,
                feature.reason.terminalSafe,
            ].joined(separator: "  ")
            text += line.trimmedRight + "\n"
            if !isPresent, !feature.without.isEmpty {
                text += margin + "without it: " + feature.without.terminalSafe + "\n"
            }
        }
        return text
    }
}

extension String {
    fileprivate var trimmedRight: Substring { self[..<(lastIndex { $0 != " " }.map(index(after:)) ?? startIndex)] }
}
