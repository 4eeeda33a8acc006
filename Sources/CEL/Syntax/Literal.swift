// SPDX-License-Identifier: Apache-2.0

/// Literals of strings and bytes.
enum Literal {
    struct Prefix {
        var isRaw = false
        var isBytes = false
        /// Letters before the quote.
        var length = 0
    }

    /// Reads the literal at `position`, which is moved behind it.
    static func read(_ lexer: Lexer, _ prefix: Prefix, _ position: inout Int) throws(SourceError) -> Token {
        let start = position
        let source = lexer.source
        var index = start + prefix.length
        let quote = source[index]
        let isTriple = index + 2 < source.count && source[index + 1] == quote && source[index + 2] == quote
        index += isTriple ? 3 : 1
        var contents: [UInt8] = []
        while true {
            guard index < source.count else {
                throw SourceError(start, "the \(prefix.isBytes ? "bytes have" : "string has") no closing quote")
            }
            let byte = source[index]
            if byte == quote {
                guard isTriple else {
                    index += 1
                    break
                }
                if index + 2 < source.count, source[index + 1] == quote, source[index + 2] == quote {
                    index += 3
                    break
                }
            }
            if !isTriple, byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
                throw SourceError(index, "a string ends on its line, unless it is in three quotes")
            }
            if byte == UInt8(ascii: "\\"), !prefix.isRaw {
                try escape(source, &index, isBytes: prefix.isBytes, to: &contents)
            } else {
                contents.append(byte)
                index += 1
            }
        }
        position = index
        return prefix.isBytes ? .bytes(ByteString(contents)) : .string(ByteString(contents))
    }

    private static let simple: [UInt8: UInt8] = [
        UInt8(ascii: "a"): 7, UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12, UInt8(ascii: "n"): 10,
        UInt8(ascii: "r"): 13, UInt8(ascii: "t"): 9, UInt8(ascii: "v"): 11, UInt8(ascii: "\\"): 0x5C,
        UInt8(ascii: "?"): 0x3F, UInt8(ascii: "\""): 0x22, UInt8(ascii: "'"): 0x27, UInt8(ascii: "`"): 0x60,
    ]

    /// Reads what begins with the backslash at `index`.
    private static func escape(
        _ source: [UInt8], _ index: inout Int, isBytes: Bool, to contents: inout [UInt8]
    ) throws(SourceError) {
        let start = index
        guard start + 1 < source.count else { throw SourceError(start, "the string ends in a backslash") }
        let letter = source[start + 1]
        if let byte = simple[letter] {
            contents.append(byte)
            index += 2
            return
        }
        let digits: Int
        let radix: Int
        switch letter {
        case UInt8(ascii: "x"), UInt8(ascii: "X"): (digits, radix) = (2, 16)
        case UInt8(ascii: "u") where !isBytes: (digits, radix) = (4, 16)
        case UInt8(ascii: "U") where !isBytes: (digits, radix) = (8, 16)
        case UInt8(ascii: "0")...UInt8(ascii: "3"): (digits, radix) = (3, 8)
        default:
            throw SourceError(
                start, "the escape sequence is unknown; a backslash itself is \\\\, or the string is raw: r'…'")
        }
        let first = radix == 8 ? start + 1 : start + 2
        guard first + digits <= source.count,
            source[first..<first + digits].allSatisfy(Lexer.isHexDigit),
            let value = UInt32(String(decoding: source[first..<first + digits], as: UTF8.self), radix: radix)
        else { throw SourceError(start, "the escape sequence takes \(digits) digits") }
        if isBytes {
            contents.append(UInt8(truncatingIfNeeded: value))
        } else {
            guard let scalar = Unicode.Scalar(value) else {
                throw SourceError(start, "the escape sequence names no character of Unicode")
            }
            contents += Array(String(Character(scalar)).utf8)
        }
        index = first + digits
    }

    /// The default of a field of bytes, as descriptors write it: in C's escapes.
    static func unescapedDefault(_ text: String) -> ByteString {
        let source = Array(text.utf8)
        var contents: [UInt8] = []
        var index = 0
        while index < source.count {
            if source[index] == UInt8(ascii: "\\") {
                do throws(SourceError) {
                    try escape(source, &index, isBytes: true, to: &contents)
                    continue
                } catch {}
            }
            contents.append(source[index])
            index += 1
        }
        return ByteString(contents)
    }
}
