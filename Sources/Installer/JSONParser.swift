// SPDX-License-Identifier: Apache-2.0

/// Reads JSON (RFC 8259) and nothing beyond it. A key that an object has twice is refused: readers differ on which counts.
struct JSONParser {
    private let bytes: [UInt8]
    private var position = 0

    private static let deepest = 64

    /// - Parameter name: what the text is, for the error.
    static func parse(_ bytes: [UInt8], name: String) throws(InstallerError) -> JSONValue {
        var parser = JSONParser(bytes: bytes)
        do throws(Broken) {
            guard String(validating: bytes, as: UTF8.self) != nil else { throw parser.broken("text that is not UTF-8") }
            let value = try parser.value(depth: 0)
            parser.skipSpace()
            guard parser.position == bytes.count else { throw parser.broken("something after the value") }
            return value
        } catch {
            throw InstallerError("\(name) is no JSON that can be edited: \(error.reason) at byte \(parser.position)")
        }
    }

    private struct Broken: Error {
        let reason: String
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private func broken(_ reason: String) -> Broken { Broken(reason: reason) }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { position += 1 }
    }

    private mutating func take(_ byte: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: byte) else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws(Broken) -> JSONValue {
        guard depth < Self.deepest else { throw broken("more than \(Self.deepest) levels") }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return .object(try object(depth))
        case UInt8(ascii: "["): return .array(try array(depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws(Broken) -> JSONValue {
        guard bytes[position...].starts(with: word.utf8) else { throw broken("an unknown word") }
        position += word.utf8.count
        return value
    }

    private mutating func object(_ depth: Int) throws(Broken) -> [JSONValue.Member] {
        position += 1
        var members: [JSONValue.Member] = []
        var keys: Set<String> = []
        skipSpace()
        if take("}") { return members }
        repeat {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw broken("no key") }
            let key = try string()
            guard keys.insert(key).inserted else { throw broken("a second key of the same name") }
            skipSpace()
            guard take(":") else { throw broken("no colon") }
            members.append(.init(key: key, value: try value(depth: depth + 1)))
            skipSpace()
        } while take(",")
        guard take("}") else { throw broken("an object without end") }
        return members
    }

    private mutating func array(_ depth: Int) throws(Broken) -> [JSONValue] {
        position += 1
        var elements: [JSONValue] = []
        skipSpace()
        if take("]") { return elements }
        repeat {
            elements.append(try value(depth: depth + 1))
            skipSpace()
        } while take(",")
        guard take("]") else { throw broken("an array without end") }
        return elements
    }

    private mutating func digits() -> Bool {
        let start = position
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        return position > start
    }

    private mutating func number() throws(Broken) -> String {
        let start = position
        _ = take("-")
        if !take("0") {
            guard digits() else { throw broken("no value") }
        }
        if take(".") {
            guard digits() else { throw broken("a number without digits") }
        }
        if take("e") || take("E") {
            _ = take("+") || take("-")
            guard digits() else { throw broken("a number without digits") }
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func string() throws(Broken) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"): text += try escape()
            case ..<0x20: throw broken("a control character in a string")
            default: text.append(byte)
            }
        }
        throw broken("a string without end")
    }

    private mutating func escape() throws(Broken) -> [UInt8] {
        let byte = next
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return byte.map { [$0] } ?? []
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"):
            var code = try codeUnit()
            if (0xd800..<0xdc00).contains(code), bytes[position...].starts(with: "\\u".utf8) {
                position += 2
                let low = try codeUnit()
                guard (0xdc00..<0xe000).contains(low) else { throw broken("half a character") }
                code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw broken("half a character") }
            return Array(String(Character(scalar)).utf8)
        default:
            position = min(position, bytes.count)
            throw broken("an unknown escape")
        }
    }

    private mutating func codeUnit() throws(Broken) -> UInt32 {
        let hexadecimal = bytes[position...].prefix(4)
        guard hexadecimal.count == 4, hexadecimal.first != UInt8(ascii: "+"),
            let code = UInt32(String(decoding: hexadecimal, as: UTF8.self), radix: 16)
        else { throw broken("an unknown escape") }
        position += 4
        return code
    }
}
