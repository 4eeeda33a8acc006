// SPDX-License-Identifier: Apache-2.0
internal import CRE2

/// Why an expression was refused.
package struct RegularExpressionError: Error, Sendable, CustomStringConvertible {
    /// RE2's words, such as `missing argument to repetition operator`.
    package let reason: String
    /// The part of the expression that it is about, its first 63 bytes; empty where that is the whole of it.
    package let fragment: String
    /// Where the fragment is, in bytes of the expression; nil where it is in more than one place, or the whole.
    package let offset: Int?

    init(reason: String, fragment: String, offset: Int?) {
        self.reason = reason
        self.fragment = fragment
        self.offset = offset
    }

    init(_ error: apus_re2_error, pattern: String) {
        let fragment = Self.text(error.fragment)
        let whole = error.fragment_length == 0 || error.fragment_length >= pattern.utf8.count
        self.init(
            reason: Self.text(error.reason), fragment: whole ? "" : fragment,
            offset: whole ? nil : Self.onlyOffset(of: fragment, in: pattern))
    }

    package var description: String {
        var text = "invalid regular expression: \(reason)"
        if !fragment.isEmpty { text += " in \"\(fragment)\"" }
        if let offset { text += " at byte \(offset)" }
        return text
    }

    /// RE2 says what it stumbled over, not where.
    private static func onlyOffset(of fragment: String, in pattern: String) -> Int? {
        let fragment = Array(fragment.utf8)
        let pattern = Array(pattern.utf8)
        guard !fragment.isEmpty, fragment.count <= pattern.count else { return nil }
        let offsets = (0...pattern.count - fragment.count).lazy
            .filter { pattern[$0..<$0 + fragment.count].elementsEqual(fragment) }.prefix(2)
        let found = Array(offsets)
        return found.count == 1 ? found[0] : nil
    }

    private static func text<Field>(_ field: Field) -> String {
        withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
