// SPDX-License-Identifier: Apache-2.0

/// What a value of a policy may be. The decoder, the documentation and the JSON Schema all come from here.
indirect enum Shape: Sendable {
    case boolean
    case integer(ClosedRange<Int64>)
    case text(TextShape)
    case choice([ChoiceShape])
    case list(of: Shape, count: ClosedRange<Int>)
    /// Names of one's own, each with a text.
    case map(key: TextShape, value: TextShape)
    case object(ObjectShape)
    /// What others keep in the same place, and nobody reads here.
    case anything

    /// "expected …"
    var expectation: String {
        switch self {
        case .boolean: "true or false"
        case .integer(let range):
            range.upperBound == .max
                ? "an integer from \(range.lowerBound)" : "an integer from \(range.lowerBound) to \(range.upperBound)"
        case .text(let text): text.what
        case .choice(let choices):
            choices.count == 1 ? choices[0].name : "one of " + choices.map(\.name).joined(separator: ", ")
        case .list: "a list"
        case .map, .object: "a mapping"
        case .anything: "anything"
        }
    }
}

/// A text's bounds.
struct TextShape: Sendable {
    /// With its article: "a DNS subdomain".
    var what: String
    /// In bytes of UTF-8.
    var length: ClosedRange<Int>
    /// A regular expression that matches the whole of it, for JSON Schema; what reads it is stricter.
    var pattern: String?
    /// A number or boolean that nobody put into quotes is taken for its text.
    var takesNumbers = false
}

struct ChoiceShape: Sendable {
    let name: String
    let aliases: [String]
    let doc: String
    let since: Since
}

struct ObjectShape: Sendable {
    /// One for each shape: JSON Schema refers to it by this.
    let name: String
    let doc: String
    let fields: [FieldShape]
}

struct FieldShape: Sendable {
    let name: String
    let shape: Shape
    let isRequired: Bool
    /// What holds where the field is missing, in JSON; nil where that is nothing.
    let initial: String?
    let doc: String
    let since: Since
}

/// Which policies have it.
package enum Since: Sendable {
    /// Those of Tetragon's schema of version 1.3.
    case first
    /// Only those of newer ones.
    case later
}

/// A closed set of names.
protocol Choice: CaseIterable, Sendable, Equatable {
    var name: String { get }
    /// Other spellings of it that are taken.
    var aliases: [String] { get }
    var doc: String { get }
    var since: Since { get }
    /// Names that others take and this version does not: why.
    static var refusals: [String: String] { get }
}

extension Choice {
    static var refusals: [String: String] { [:] }
    var aliases: [String] { [] }
    var since: Since { .first }

    static func named(_ name: String) -> Self? { allCases.first { $0.name == name || $0.aliases.contains(name) } }
}

extension Choice where Self: RawRepresentable<String> {
    var name: String { rawValue }
}
