// SPDX-License-Identifier: Apache-2.0

/// A word of the language.
enum Token: Equatable {
    case name(String)
    /// A name in backticks, where only a field's may be.
    case quotedName(String)
    case int(UInt64)
    case uint(UInt64)
    case double(Double)
    case string(ByteString)
    case bytes(ByteString)
    /// An operator or a bracket.
    case symbol(String)
    case end
}

/// Cuts a source into tokens, one at a time.
struct Lexer {
    let source: [UInt8]
    private var position = 0

    init(_ source: [UInt8]) { self.source = source }

    /// The next token and where it begins.
    mutating func next() throws(SourceError) -> (token: Token, position: Int) {
        skipBlanks()
        let start = position
        guard let byte = peek() else { return (.end, start) }
        if let prefix = literalPrefix() { return (try Literal.read(self, prefix, &position), start) }
        if Self.isNameStart(byte) {
            while let byte = peek(), Self.isNamePart(byte) { position += 1 }
            return (.name(text(start..<position)), start)
        }
        if Self.isDigit(byte) || (byte == UInt8(ascii: ".") && peek(1).map(Self.isDigit) == true) {
            return (try number(), start)
        }
        if byte == UInt8(ascii: "`") { return (try quotedName(), start) }
        return (try symbol(), start)
    }

    private mutating func skipBlanks() {
        while let byte = peek() {
            if byte == UInt8(ascii: "/"), peek(1) == UInt8(ascii: "/") {
                while let byte = peek(), byte != UInt8(ascii: "\n") { position += 1 }
            } else if [0x20, 0x09, 0x0A, 0x0C, 0x0D].contains(byte) {
                position += 1
            } else {
                return
            }
        }
    }

    func peek(_ ahead: Int = 0) -> UInt8? {
        position + ahead < source.count ? source[position + ahead] : nil
    }

    func text(_ range: Range<Int>) -> String { String(decoding: source[range], as: UTF8.self) }

    // MARK: Strings

    /// `r`, `b` or both before a quote, in either case.
    private func literalPrefix() -> Literal.Prefix? {
        var prefix = Literal.Prefix()
        for ahead in 0...2 {
            switch peek(ahead) {
            case UInt8(ascii: "'"), UInt8(ascii: "\""):
                prefix.length = ahead
                return prefix
            case UInt8(ascii: "r"), UInt8(ascii: "R"):
                if prefix.isRaw { return nil }
                prefix.isRaw = true
            case UInt8(ascii: "b"), UInt8(ascii: "B"):
                if prefix.isBytes || prefix.isRaw { return nil }
                prefix.isBytes = true
            default: return nil
            }
        }
        return nil
    }

    private mutating func quotedName() throws(SourceError) -> Token {
        let start = position
        position += 1
        while let byte = peek(), byte != UInt8(ascii: "`") {
            guard Self.isNamePart(byte) || [0x2E, 0x2D, 0x2F, 0x20].contains(byte) else {
                throw SourceError(position, "a name in backticks has letters, digits, _, ., -, / and blanks only")
            }
            position += 1
        }
        guard peek() != nil, position > start + 1 else {
            throw SourceError(start, "a name in backticks is empty or has no end")
        }
        position += 1
        return .quotedName(text(start + 1..<position - 1))
    }

    // MARK: Numbers

    private mutating func number() throws(SourceError) -> Token {
        let start = position
        if peek() == UInt8(ascii: "0"), peek(1) == UInt8(ascii: "x") || peek(1) == UInt8(ascii: "X") {
            position += 2
            let digits = position
            while let byte = peek(), Self.isHexDigit(byte) { position += 1 }
            return try integer(start, UInt64(text(digits..<position), radix: 16))
        }
        var isDouble = false
        digits()
        if peek() == UInt8(ascii: "."), peek(1).map(Self.isDigit) == true {
            isDouble = true
            position += 1
            digits()
        }
        if peek() == UInt8(ascii: "e") || peek() == UInt8(ascii: "E") {
            let sign = peek(1) == UInt8(ascii: "+") || peek(1) == UInt8(ascii: "-") ? 1 : 0
            if peek(1 + sign).map(Self.isDigit) == true {
                isDouble = true
                position += 1 + sign
                digits()
            }
        }
        guard isDouble else { return try integer(start, UInt64(text(start..<position))) }
        let text = text(start..<position)
        guard let value = Double(text.hasPrefix(".") ? "0" + text : text), value.isFinite else {
            throw SourceError(start, "the number is out of a double's range")
        }
        try endOfNumber(start)
        return .double(value)
    }

    private mutating func digits() {
        while let byte = peek(), Self.isDigit(byte) { position += 1 }
    }

    private mutating func integer(_ start: Int, _ value: UInt64?) throws(SourceError) -> Token {
        let isUnsigned = peek() == UInt8(ascii: "u") || peek() == UInt8(ascii: "U")
        if isUnsigned { position += 1 }
        try endOfNumber(start)
        guard let value else {
            throw SourceError(
                start, "the number is malformed, or out of the range of \(isUnsigned ? "a uint" : "an int")")
        }
        return isUnsigned ? .uint(value) : .int(value)
    }

    private func endOfNumber(_ start: Int) throws(SourceError) {
        if let byte = peek(), Self.isNamePart(byte) {
            throw SourceError(start, "a letter follows a number at once")
        }
    }

    // MARK: Symbols

    private mutating func symbol() throws(SourceError) -> Token {
        for length in [2, 1] where position + length <= source.count {
            let text = text(position..<position + length)
            if Self.symbols.contains(text) {
                position += length
                return .symbol(text)
            }
        }
        let rest = String(decoding: source[position..<min(position + 4, source.count)], as: UTF8.self)
        throw SourceError(
            position, "the character \(rest.unicodeScalars.first.map { "'\($0)'" } ?? "") has no meaning here")
    }

    private static let symbols: Set<String> = [
        "||", "&&", "<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",", "(", ")", "[",
        "]", "{", "}",
    ]

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isNameStart(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || byte == 0x5F
    }
    private static func isNamePart(_ byte: UInt8) -> Bool { isNameStart(byte) || isDigit(byte) }
    static func isHexDigit(_ byte: UInt8) -> Bool {
        isDigit(byte) || (0x61...0x66).contains(byte) || (0x41...0x46).contains(byte)
    }
}
