// SPDX-License-Identifier: Apache-2.0

/// One statement of a TOML document, and where it stands.
struct TOMLStatement {
    enum Kind: Equatable {
        /// `[a.b]`
        case table
        /// `[[a.b]]`
        case tableOfArray
        /// `a.b = …`, the value at these bytes.
        case pair(value: Range<Int>)
    }

    var kind: Kind
    /// As it is written: of a pair without the table that it stands in.
    var keys: [String]
    /// From the beginning of its first line to behind the newline of its last.
    var lines: Range<Int>
    /// Where it begins, behind the white space.
    var start: Int
}

/// Finds where the statements of a document stand. The document is valid: a parser has said so.
struct TOMLStatements {
    private let bytes: [UInt8]
    private var position = 0

    static func all(in bytes: [UInt8]) -> [TOMLStatement] {
        var scanner = TOMLStatements(bytes: bytes)
        var statements: [TOMLStatement] = []
        // A mark of the byte order, which editors of other systems write.
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { scanner.position = 3 }
        while scanner.position < bytes.count {
            if let statement = scanner.line() { statements.append(statement) }
        }
        return statements
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private func isNext(_ text: String) -> Bool { bytes[min(position, bytes.count)...].starts(with: text.utf8) }

    private mutating func skipBlanks() {
        while next == 0x20 || next == 0x09 { position += 1 }
    }

    private mutating func skipLine() {
        while let byte = next {
            position += 1
            if byte == UInt8(ascii: "\n") { return }
        }
    }

    private mutating func line() -> TOMLStatement? {
        let lineStart = position
        skipBlanks()
        let start = position
        guard let first = next, first != UInt8(ascii: "#"), first != 0x0a, first != 0x0d else {
            skipLine()
            return nil
        }
        var kind = TOMLStatement.Kind.table
        if first == UInt8(ascii: "[") {
            if isNext("[[") { kind = .tableOfArray }
            position += kind == .table ? 1 : 2
        }
        let keys = dottedKey()
        if first != UInt8(ascii: "[") {
            // Behind the equals sign.
            position += 1
            skipBlanks()
            kind = .pair(value: value())
        }
        skipLine()
        return TOMLStatement(kind: kind, keys: keys, lines: lineStart..<position, start: start)
    }

    private mutating func dottedKey() -> [String] {
        var keys: [String] = []
        while true {
            skipBlanks()
            let start = position
            if let quote = next, quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
                skipString()
                let inner = bytes[start..<position].dropFirst().dropLast()
                keys.append(quote == UInt8(ascii: "'") ? String(decoding: inner, as: UTF8.self) : Self.unescaped(inner))
            } else {
                while let byte = next, !" \t.=]\r\n".utf8.contains(byte) { position += 1 }
                keys.append(String(decoding: bytes[start..<position], as: UTF8.self))
            }
            skipBlanks()
            guard next == UInt8(ascii: ".") else { return keys }
            position += 1
        }
    }

    private mutating func value() -> Range<Int> {
        let start = position
        var depth = 0
        var end = start
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "'"): skipString()
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                position += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                depth -= 1
                position += 1
            case UInt8(ascii: "#") where depth > 0: skipLine()
            case UInt8(ascii: "#"): return start..<end
            case 0x0a where depth <= 0: return start..<end
            case 0x20, 0x09, 0x0d, 0x0a:
                position += 1
                continue
            default: position += 1
            }
            end = position
        }
        return start..<end
    }

    /// Behind a string of any of the four kinds.
    private mutating func skipString() {
        let quote = bytes[position]
        let triple = [quote, quote, quote]
        let isMultiline = bytes[position...].starts(with: triple)
        position += isMultiline ? 3 : 1
        while let byte = next {
            if byte == UInt8(ascii: "\\") && quote == UInt8(ascii: "\"") {
                position = min(position + 2, bytes.count)
            } else if byte == quote && (!isMultiline || bytes[position...].starts(with: triple)) {
                position += isMultiline ? 3 : 1
                // Up to two quotes before the closing three belong to the text.
                for _ in 0..<2 where isMultiline && next == quote { position += 1 }
                return
            } else {
                position += 1
            }
        }
    }

    private static func unescaped(_ text: ArraySlice<UInt8>) -> String {
        var result = String.UnicodeScalarView()
        var rest = String(decoding: text, as: UTF8.self).unicodeScalars[...]
        while let scalar = rest.popFirst() {
            guard scalar == "\\", let escape = rest.popFirst() else {
                result.append(scalar)
                continue
            }
            switch escape {
            case "b": result.append("\u{8}")
            case "t": result.append("\t")
            case "n": result.append("\n")
            case "f": result.append("\u{c}")
            case "r": result.append("\r")
            case "u", "U":
                let digits = rest.prefix(escape == "u" ? 4 : 8)
                rest = rest.dropFirst(digits.count)
                if let code = UInt32(String(digits), radix: 16), let scalar = Unicode.Scalar(code) {
                    result.append(scalar)
                }
            default: result.append(escape)
            }
        }
        return String(result)
    }
}
