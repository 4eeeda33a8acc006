// SPDX-License-Identifier: Apache-2.0

/// A selector on labels in Kubernetes' syntax
/// (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors). All of its requirements
/// must hold; one without requirements takes every pod.
struct LabelSelector: Sendable, Equatable {
    let requirements: [Requirement]

    struct Requirement: Sendable, Equatable {
        let key: String
        let test: Test

        enum Test: Sendable, Equatable {
            case exists
            case doesNotExist
            /// `=`, `==` and `in`
            case isOne(of: Set<String>)
            /// `!=` and `notin`: also where there is no such label.
            case isNone(of: Set<String>)
            /// `>` and `<`, of whole numbers.
            case isGreater(than: Int64)
            case isLess(than: Int64)
        }

        func holds(for value: String?) -> Bool {
            switch test {
            case .exists: value != nil
            case .doesNotExist: value == nil
            case .isOne(let values): value.map(values.contains) ?? false
            case .isNone(let values): value.map { !values.contains($0) } ?? true
            case .isGreater(let bound): value.flatMap { Int64($0) }.map { $0 > bound } ?? false
            case .isLess(let bound): value.flatMap { Int64($0) }.map { $0 < bound } ?? false
            }
        }
    }

    /// Requirements, and values of one requirement.
    static let most = 256

    init(_ text: String) throws(LabelSelectorError) {
        guard text.utf8.count <= FilterBounds.valueSize else {
            throw LabelSelectorError(reason: "longer than \(FilterBounds.valueSize) bytes", offset: nil)
        }
        var parser = LabelSelectorParser(text)
        requirements = try parser.requirements()
    }

    func matches(_ labels: PodLabels) -> Bool { requirements.allSatisfy { $0.holds(for: labels[$0.key]) } }
}

/// Why a selector was refused.
struct LabelSelectorError: Error, CustomStringConvertible {
    let reason: String
    /// In bytes from the selector's beginning.
    let offset: Int?

    var description: String { "invalid label selector: \(reason)" + (offset.map { " at byte \($0)" } ?? "") }
}
