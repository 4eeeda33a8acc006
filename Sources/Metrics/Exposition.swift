// SPDX-License-Identifier: Apache-2.0

/// Prometheus's text format, version 0.0.4.
package struct Exposition: Sendable {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package private(set) var text = ""

    package init() {}

    /// A family with one series.
    package mutating func add(_ family: MetricFamily, _ value: Double) {
        head(family)
        text += "\(family.name) \(Self.number(value))\n"
    }

    package mutating func add(_ family: MetricFamily, _ value: some BinaryInteger) { add(family, Double(value)) }

    /// A family with a label. Values that are known beforehand and missing here count 0.
    package mutating func add(_ family: MetricFamily, _ series: KeyValuePairs<String, Double>) {
        add(family, series.map { ($0.key, $0.value) })
    }

    package mutating func add(_ family: MetricFamily, _ series: [(value: String, count: Double)]) {
        guard let label = family.label else { return }
        head(family)
        let missing = label.values.filter { value in !series.contains { $0.value == value } }
        for (value, count) in series + missing.map({ ($0, 0) }) {
            line(family, [value], count)
        }
    }

    /// A family whose label names policies: the first ``Catalogue/mostPolicies`` have a series each, the others one
    /// together, if there are any.
    /// - Parameter more: what the others have beside.
    package mutating func add(
        _ family: MetricFamily, ofPolicies series: [(value: String, count: Double)], more: Double = 0
    ) {
        let others = series.dropFirst(Catalogue.mostPolicies)
        let rest = others.reduce(more) { $0 + $1.count }
        let isThere = !others.isEmpty || more > 0
        add(family, series.prefix(Catalogue.mostPolicies) + (isThere ? [(Catalogue.otherPolicies, rest)] : []))
    }

    /// A family whose first labels name a policy's selector, and whose last says what it did.
    /// - Parameter others: of selectors without series of their own, by the last label's value.
    package mutating func add(
        _ family: MetricFamily, ofSelectors series: [(values: [String], count: Double)],
        others: [(value: String, count: Double)]
    ) {
        head(family)
        for (values, count) in series { line(family, values, count) }
        for (value, count) in others {
            line(family, family.labels.dropLast().map { _ in Catalogue.otherPolicies } + [value], count)
        }
    }

    private mutating func line(_ family: MetricFamily, _ values: [String], _ count: Double) {
        let labels = zip(family.labels, values).map { "\($0.name)=\"\(Self.escaped($1))\"" }
        text += "\(family.name){\(labels.joined(separator: ","))} \(Self.number(count))\n"
    }

    private mutating func head(_ family: MetricFamily) {
        text += "# HELP \(family.name) \(family.help)\n# TYPE \(family.name) \(family.kind.rawValue)\n"
    }

    private static func number(_ value: Double) -> String {
        if let whole = Int64(exactly: value) { return "\(whole)" }
        return value.isNaN ? "NaN" : value.isInfinite ? (value > 0 ? "+Inf" : "-Inf") : "\(value)"
    }

    private static func escaped(_ value: String) -> String {
        var result = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
