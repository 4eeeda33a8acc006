// SPDX-License-Identifier: Apache-2.0
internal import YAML

/// One thing that is wrong with a policy. Texts may be the policy's own, with all that a terminal would act upon.
package struct PolicyProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// `spec.kprobes[0].selectors[1].matchArgs[0].operator`; empty for the document itself.
    package let path: String
    /// Both from 1; columns are Unicode scalars.
    package let line: Int
    package let column: Int
    /// One sentence, with what was expected and what was found.
    package let reason: String
    package let expected: String?
    package let found: String?
    /// The name that was meant, perhaps.
    package let nearest: String?

    package var message: String { nearest.map { "\(reason); did you mean \($0)?" } ?? reason }

    package var description: String { text("") }

    /// The same, of what has no effect.
    package var warning: String { text("warning: ") }

    private func text(_ kind: String) -> String {
        "\(line):\(column): \(kind)" + (path.isEmpty ? "" : "\(path): ") + message
    }
}

extension PolicyProblem {
    init(
        _ path: [Step], at place: YAMLPlace, _ reason: String, expected: String? = nil, found: String? = nil,
        nearest: String? = nil
    ) {
        self.init(
            path: path.text, line: place.line, column: place.column, reason: reason, expected: expected, found: found,
            nearest: nearest)
    }
}

/// A way into a document.
enum Step: Sendable, Hashable {
    case field(String)
    case index(Int)
}

extension [Step] {
    var text: String {
        reduce(into: "") { text, step in
            switch step {
            case .field(let name): text += (text.isEmpty ? "" : ".") + name.shortened
            case .index(let index): text += "[\(index)]"
            }
        }
    }
}

extension String {
    /// Not longer than a line bears.
    var shortened: String {
        unicodeScalars.count <= 60 ? self : String(String.UnicodeScalarView(unicodeScalars.prefix(57))) + "..."
    }

    var quoted: String { "\"\(shortened)\"" }
}

extension YAMLNode {
    /// "found …"
    var finding: String {
        switch content {
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .scalar(let scalar):
            switch scalar.meaning {
            case .null: "nothing"
            case .boolean: "the boolean \(scalar.text.shortened)"
            case .integer, .number: "the number \(scalar.text.shortened)"
            case .string: scalar.text.quoted
            }
        }
    }
}
