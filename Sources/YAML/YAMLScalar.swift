// SPDX-License-Identifier: Apache-2.0

/// One value as it is written.
package struct YAMLScalar: Sendable, Equatable {
    package let text: String
    /// Neither quoted, nor a block, nor said by a tag to be a string: what it is depends on how it looks.
    package let isPlain: Bool

    package init(text: String, isPlain: Bool) {
        self.text = text
        self.isPlain = isPlain
    }

    package enum Meaning: Sendable, Equatable {
        case null
        case boolean(Bool)
        case integer(Int64)
        /// A number with a fraction or an exponent, or an integer beyond 64 bits.
        case number
        case string
    }

    /// What Kubernetes' tools take it for: YAML 1.1, with its many words for true and false and its octal numbers.
    package var meaning: Meaning {
        guard isPlain else { return .string }
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y": return .boolean(true)
        case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N": return .boolean(false)
        default: return Self.number(text)
        }
    }

    private static func number(_ text: String) -> Meaning {
        var digits = text.utf8.filter { $0 != UInt8(ascii: "_") }[...]
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative || digits.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
        guard let first = digits.first else { return .string }
        if first == UInt8(ascii: "."), [".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"].contains(text) {
            return .number
        }
        guard isDigit(first) || first == UInt8(ascii: ".") && digits.dropFirst().first.map(isDigit) == true else {
            return .string
        }
        let spelled = String(decoding: digits, as: UTF8.self)
        if let (radix, rest) = radix(of: spelled) {
            guard !rest.isEmpty, rest.utf8.allSatisfy({ isDigit($0, radix: radix) }) else {
                return radix == 8 && isDecimal(spelled) ? .number : .string
            }
            return Int64((isNegative ? "-" : "") + rest, radix: radix).map { .integer($0) } ?? .number
        }
        if spelled.utf8.allSatisfy({ isDigit($0) }) {
            return Int64((isNegative ? "-" : "") + spelled).map { .integer($0) } ?? .number
        }
        return isDecimal(spelled) ? .number : .string
    }

    /// The number's base where its first letters say one, and its digits.
    private static func radix(of text: String) -> (Int, Substring)? {
        for (prefix, radix) in [("0x", 16), ("0X", 16), ("0o", 8), ("0b", 2)] where text.hasPrefix(prefix) {
            return (radix, text.dropFirst(2))
        }
        return text.count > 1 && text.hasPrefix("0") ? (8, text.dropFirst()) : nil
    }

    /// `1.5`, `.5`, `1e3`, `1.5e-3`.
    private static func isDecimal(_ text: String) -> Bool {
        let parts = text.split(separator: "e", maxSplits: 1, omittingEmptySubsequences: false)
            .flatMap { $0.split(separator: "E", maxSplits: 1, omittingEmptySubsequences: false) }
        guard parts.count <= 2, let mantissa = parts.first else { return false }
        let halves = mantissa.split(separator: ".", omittingEmptySubsequences: false)
        guard halves.count <= 2, halves.contains(where: { !$0.isEmpty }) else { return false }
        guard halves.allSatisfy({ $0.utf8.allSatisfy { isDigit($0) } }) else { return false }
        guard parts.count == 2 else { return true }
        let exponent = parts[1].drop { $0 == "-" || $0 == "+" }
        return !exponent.isEmpty && exponent.utf8.allSatisfy { isDigit($0) }
    }

    private static func isDigit(_ letter: UInt8) -> Bool { isDigit(letter, radix: 10) }

    private static func isDigit(_ letter: UInt8, radix: Int) -> Bool {
        switch letter {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(letter - UInt8(ascii: "0")) < radix
        case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"): radix == 16
        default: false
        }
    }
}
