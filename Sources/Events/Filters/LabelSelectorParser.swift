// SPDX-License-Identifier: Apache-2.0

/// Reads a selector from left to right.
struct LabelSelectorParser {
    private let text: [UInt8]
    private var offset = 0

    init(_ text: String) { self.text = Array(text.utf8) }

    mutating func requirements() throws(LabelSelectorError) -> [LabelSelector.Requirement] {
        var requirements: [LabelSelector.Requirement] = []
        skipSpace()
        while offset < text.count {
            guard requirements.count < LabelSelector.most else {
                throw error("more than \(LabelSelector.most) requirements")
            }
            requirements.append(try requirement())
            skipSpace()
            if offset == text.count { break }
            guard take(",") else { throw error("expected a comma") }
            skipSpace()
            if offset == text.count { throw error("nothing follows the last comma") }
        }
        return requirements
    }

    private mutating func requirement() throws(LabelSelectorError) -> LabelSelector.Requirement {
        if take("!") {
            skipSpace()
            return .init(key: try key(), test: .doesNotExist)
        }
        let key = try key()
        skipSpace()
        if offset == text.count || text[offset] == UInt8(ascii: ",") { return .init(key: key, test: .exists) }
        if take("!=") { return .init(key: key, test: .isNone(of: [try value()])) }
        if take("==") || take("=") { return .init(key: key, test: .isOne(of: [try value()])) }
        if take(">") { return .init(key: key, test: .isGreater(than: try number())) }
        if take("<") { return .init(key: key, test: .isLess(than: try number())) }
        let start = offset
        switch word() {
        case "in": return .init(key: key, test: .isOne(of: try values()))
        case "notin": return .init(key: key, test: .isNone(of: try values()))
        default:
            offset = start
            throw error("expected one of = == != in notin < > or a comma")
        }
    }

    /// `(a, b,)`: an empty value is a value too.
    private mutating func values() throws(LabelSelectorError) -> Set<String> {
        skipSpace()
        guard take("(") else { throw error("expected values in parentheses") }
        var values: Set<String> = []
        while true {
            guard values.count < LabelSelector.most else { throw error("more than \(LabelSelector.most) values") }
            values.insert(try value())
            skipSpace()
            if take(")") { return values }
            guard take(",") else { throw error("expected a comma or a closing parenthesis") }
        }
    }

    // MARK: Keys and values

    /// `name` or `prefix/name`. Cilium writes where a label comes from in front: `k8s:name`.
    private mutating func key() throws(LabelSelectorError) -> String {
        _ = take("k8s:")
        let start = offset
        let key = word()
        let parts = key.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let name = parts.last ?? key.utf8[...]
        guard parts.count <= 2, Self.isName(name), parts.count == 1 || Self.isDomain(parts[0]) else {
            offset = start
            throw error("expected a label's key, [prefix/]name")
        }
        return key
    }

    private mutating func value() throws(LabelSelectorError) -> String {
        skipSpace()
        let start = offset
        let value = word()
        guard value.isEmpty || Self.isName(value.utf8[...]) else {
            offset = start
            throw error("expected a label's value")
        }
        return value
    }

    private mutating func number() throws(LabelSelectorError) -> Int64 {
        skipSpace()
        let start = offset
        guard let number = Int64(word()) else {
            offset = start
            throw error("expected a whole number")
        }
        return number
    }

    /// Up to 63 letters, digits, `-`, `_` and `.`, a letter or digit first and last.
    private static func isName(_ text: Substring.UTF8View) -> Bool {
        guard let first = text.first, let last = text.last, text.count <= 63 else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && text.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
    }

    /// Names of lower-case letters, digits and `-`, joined by dots, up to 253 bytes.
    private static func isDomain(_ text: Substring.UTF8View) -> Bool {
        text.count <= 253
            && text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { part in
                guard let first = part.first, let last = part.last else { return false }
                return isLowercase(first) && isLowercase(last)
                    && part.allSatisfy { isLowercase($0) || $0 == UInt8(ascii: "-") }
            }
    }

    private static func isLowercase(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        isLowercase(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    // MARK: Bytes

    /// Up to a space or a sign of the syntax.
    private mutating func word() -> String {
        let start = offset
        while offset < text.count, !Self.isSpace(text[offset]), !"!=<>(),".utf8.contains(text[offset]) { offset += 1 }
        return String(decoding: text[start..<offset], as: UTF8.self)
    }

    private mutating func take(_ sign: StaticString) -> Bool {
        let length = sign.utf8CodeUnitCount
        guard text.count - offset >= length else { return false }
        let isThere = sign.withUTF8Buffer { text[offset..<offset + length].elementsEqual($0) }
        if isThere { offset += length }
        return isThere
    }

    private mutating func skipSpace() {
        while offset < text.count, Self.isSpace(text[offset]) { offset += 1 }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || (9...13).contains(byte) }

    private func error(_ reason: String) -> LabelSelectorError { LabelSelectorError(reason: reason, offset: offset) }
}
