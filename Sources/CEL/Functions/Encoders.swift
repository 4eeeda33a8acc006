// SPDX-License-Identifier: Apache-2.0

// base64.encode, base64.decode

extension Library {
    mutating func addEncoders() {
        unary("base64.encode", [overload(.bytes, to: .string)]) { a, frame throws(EvaluationError) in
            guard case .bytes(let bytes) = a else { throw .noSuchOverload("base64.encode") }
            try frame.charge(bytes: bytes.count * 2)
            return .string(Base64.encode(bytes))
        }
        unary("base64.decode", [overload(.string, to: .bytes)]) { a, frame throws(EvaluationError) in
            guard case .string(let text) = a else { throw .noSuchOverload("base64.decode") }
            try frame.charge(bytes: text.count * 2)
            guard let bytes = Base64.decode(text) else {
                throw .invalidArgument("base64.decode(): the text is no base64")
            }
            return .bytes(bytes)
        }
    }
}

enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: ByteString) -> ByteString {
        var text: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let group = (0..<3).reduce(0) { $0 << 8 | (index + $1 < bytes.count ? Int(bytes[index + $1]) : 0) }
            for place in 0..<4 {
                let isPadding = index + place > bytes.count
                text.append(isPadding ? UInt8(ascii: "=") : alphabet[group >> (18 - 6 * place) & 0x3F])
            }
            index += 3
        }
        return ByteString(text)
    }

    /// With or without padding at the end.
    static func decode(_ text: ByteString) -> ByteString? {
        var digits = text.bytes
        var padding = 0
        while digits.last == UInt8(ascii: "="), padding < 2 {
            digits = digits.dropLast()
            padding += 1
        }
        guard digits.count % 4 != 1, padding == 0 || (digits.count + padding) % 4 == 0 else { return nil }
        var bytes: [UInt8] = []
        var bits = 0
        var count = 0
        for digit in digits {
            guard let value = alphabet.firstIndex(of: digit) else { return nil }
            bits = (bits << 6 | value) & 0xFFFF
            count += 6
            if count >= 8 {
                count -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> count))
            }
        }
        return ByteString(bytes)
    }
}
