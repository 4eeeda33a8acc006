// SPDX-License-Identifier: Apache-2.0

/// Which pods, by their labels, or which containers, by their fields: all that it says has to hold.
package struct LabelSelector: Sendable, Equatable {
    package var labels: [String: String] = [:]
    package var requirements: [Requirement] = []

    package init() {}

    /// It says nothing, so everything is meant.
    package var isEmpty: Bool { labels.isEmpty && requirements.isEmpty }

    package struct Requirement: Sendable, Equatable {
        package var key = ""
        package var comparison = Comparison.isIn
        package var values: [String] = []

        package init() {}
    }

    package enum Comparison: String, Choice {
        case isIn = "In"
        case isNotIn = "NotIn"
        case exists = "Exists"
        case doesNotExist = "DoesNotExist"

        package var doc: String {
            switch self {
            case .isIn: "The value is one of these."
            case .isNotIn: "The value is none of these, or there is no such label."
            case .exists: "There is such a label. No values."
            case .doesNotExist: "There is no such label. No values."
            }
        }
    }
}

extension LabelSelector {
    static let podSchema = schema(
        "PodSelector", doc: "Which pods, by their labels; k8s:io.kubernetes.pod.namespace is the pod's namespace.",
        isKey: { _ in true })

    static let containerSchema = schema(
        "ContainerSelector", doc: "Which containers, by their fields: name, and in later policies repo.",
        isKey: { ["name", "repo"].contains($0) })

    private static let key = TextShape(what: "a label's key", length: 1...317, pattern: "[A-Za-z0-9./:_-]+")
    private static let value = TextShape(
        what: "a label's value", length: 0...63, pattern: "(([A-Za-z0-9][A-Za-z0-9_.-]*)?[A-Za-z0-9])?")

    private static func schema(
        _ name: String, doc: String, isKey: @escaping @Sendable (String) -> Bool
    ) -> ObjectSchema<LabelSelector> {
        ObjectSchema(
            name, LabelSelector(), doc: doc,
            [
                .field(
                    "matchLabels", \.labels, .map(key, value) { _, value in isValue(value) }, "Keys with their values."),
                .field(
                    "matchExpressions", \.requirements,
                    .list(of: .object(Requirement.schema(name)), 0...64, placeholder: Requirement()),
                    "Other comparisons."),
            ]
        ) { selector, reading in
            let places: [([Step], String)] =
                selector.labels.keys.sorted().map { ([.field("matchLabels"), .field($0)], $0) }
                + selector.requirements.enumerated().map {
                    ([.field("matchExpressions"), .index($0.offset), .field("key")], $0.element.key)
                }
            for (place, key) in places where !isKey(key) {
                reading.report(
                    place, "containers are selected by name or repo, not by \(key.quoted)",
                    expected: "name or repo", found: key.quoted)
            }
        }
    }

    private static func isValue(_ text: String) -> Bool {
        func isAlphanumeric(_ letter: UInt8) -> Bool {
            (0x30...0x39).contains(letter) || (0x41...0x5a).contains(letter) || (0x61...0x7a).contains(letter)
        }
        guard let first = text.utf8.first, let last = text.utf8.last else { return true }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && text.utf8.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
    }
}

extension LabelSelector.Requirement {
    fileprivate static func schema(_ owner: String) -> ObjectSchema<Self> {
        ObjectSchema(
            owner + "Requirement", Self(), doc: "One comparison.",
            [
                .field("key", \.key, .text("a label's key", 1...317), isRequired: true, "Of which label."),
                .field("operator", \.comparison, .choice, isRequired: true, "How its value is compared."),
                .field("values", \.values, .list(of: .text("a label's value", 0...63), 0...1024), "With which values."),
            ]
        ) { requirement, reading in
            switch requirement.comparison {
            case .isIn, .isNotIn:
                if requirement.values.isEmpty {
                    reading.report([.field("values")], "\(requirement.comparison.name) needs at least one value")
                }
            case .exists, .doesNotExist:
                if !requirement.values.isEmpty {
                    reading.report([.field("values")], "\(requirement.comparison.name) takes no values")
                }
            }
        }
    }
}
