// SPDX-License-Identifier: Apache-2.0

/// One measured thing, as Prometheus knows it: a name, and a series for each combination of its labels' values.
package struct MetricFamily: Sendable, Equatable {
    package enum Kind: String, Sendable {
        /// Never goes back while the agent runs.
        case counter
        case gauge
    }

    package struct Label: Sendable, Equatable {
        package let name: String
        /// Every value that it can have, where they are few: each then has its series from the start, so that a
        /// dashboard shows 0 and not nothing.
        package let values: [String]

        package init(_ name: String, _ values: [String] = []) {
            self.name = name
            self.values = values
        }
    }

    /// With the unit as its last word but `_total`, as Prometheus's users write it.
    package let name: String
    package let kind: Kind
    /// One sentence.
    package let help: String
    package let labels: [Label]

    package init(_ name: String, _ kind: Kind, _ help: String, by labels: Label...) {
        self.name = name
        self.kind = kind
        self.help = help
        self.labels = labels
    }

    /// Of a family that has one.
    package var label: Label? { labels.count == 1 ? labels[0] : nil }
}
