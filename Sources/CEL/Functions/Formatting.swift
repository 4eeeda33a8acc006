// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// `format()`: %s, %d, %f, %e, %b, %o, %x, %X with a precision where it has a meaning.
enum Formatting {
    /// More digits than any double has.
    private static let maximumPrecision = 1000

    static func format(_ format: ByteString, _ values: [Value], _ frame: inout Frame) throws(EvaluationError)
        -> ByteString
    {
        var result: [UInt8] = []
        var next = 0
        var index = 0
        while index < format.count {
            let byte = format[index]
            index += 1
            guard byte == UInt8(ascii: "%") else {
                result.append(byte)
                continue
            }
            if index < format.count, format[index] == UInt8(ascii: "%") {
                result.append(byte)
                index += 1
                continue
            }
            let precision = try precision(format, &index)
            guard index < format.count else { throw .invalidArgument("format(): the text ends within a clause") }
            let clause = Unicode.Scalar(format[index])
            index += 1
            guard "sdfebxXo".unicodeScalars.contains(clause) else {
                throw .invalidArgument("format(): there is no clause %\(clause)")
            }
            guard next < values.count else { throw .outOfRange(index: Int64(next), count: values.count) }
            let text = try text(values[next], clause, precision, &frame)
            next += 1
            try frame.charge(bytes: text.utf8.count)
            result += Array(text.utf8)
        }
        return ByteString(result)
    }

    private static func precision(_ format: ByteString, _ index: inout Int) throws(EvaluationError) -> Int {
        guard index < format.count, format[index] == UInt8(ascii: ".") else { return 6 }
        index += 1
        var precision = 0
        let start = index
        while index < format.count, (0x30...0x39).contains(format[index]), precision <= maximumPrecision {
            precision = precision * 10 + Int(format[index] - 0x30)
            index += 1
        }
        guard index > start, precision <= maximumPrecision else {
            throw .invalidArgument("format(): a precision is a number up to \(maximumPrecision)")
        }
        return precision
    }

    private static func text(
        _ value: Value, _ clause: Unicode.Scalar, _ precision: Int, _ frame: inout Frame
    ) throws(EvaluationError) -> String {
        switch (clause, value) {
        case ("s", _): return try string(value, &frame)
        case ("d", .int), ("d", .uint), ("d", .double): return try string(value, &frame)
        case ("f", _), ("e", _):
            guard value.isNumber, case .double(let number) = try Conversion.double(value) else { break }
            return float(number, clause, precision)
        case ("b", .bool(let flag)): return flag ? "1" : "0"
        case ("b", .int(let number)): return String(number, radix: 2)
        case ("b", .uint(let number)): return String(number, radix: 2)
        case ("o", .int(let number)): return String(number, radix: 8)
        case ("o", .uint(let number)): return String(number, radix: 8)
        case ("x", .int(let number)), ("X", .int(let number)):
            return String(number, radix: 16, uppercase: clause == "X")
        case ("x", .uint(let number)), ("X", .uint(let number)):
            return String(number, radix: 16, uppercase: clause == "X")
        case ("x", .string(let bytes)), ("X", .string(let bytes)), ("x", .bytes(let bytes)), ("X", .bytes(let bytes)):
            try frame.charge(bytes: bytes.count * 4)
            return bytes.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: clause == "X") }.joined()
        default: break
        }
        throw .invalidArgument("format(): %\(clause) takes no value of type \(value.typeName)")
    }

    /// The C library rounds half to even, from the double's exact value.
    private static func float(_ number: Double, _ clause: Unicode.Scalar, _ precision: Int) -> String {
        if number.isNaN || number.isInfinite { return Conversion.text(number) }
        // 309 digits before the point, the point, a sign.
        let bytes = [CChar](unsafeUninitializedCapacity: precision + 320) { buffer, count in
            let written = withVaList([Int32(precision), number]) {
                vsnprintf(buffer.baseAddress, buffer.count, clause == "f" ? "%.*f" : "%.*e", $0)
            }
            count = min(max(Int(written), 0), buffer.count - 1)
        }
        return String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// `%s`
    private static func string(_ value: Value, _ frame: inout Frame) throws(EvaluationError) -> String {
        try frame.charge()
        switch value {
        case .null: return "null"
        case .type(let name): return name
        case .bytes(let bytes):
            try frame.charge(bytes: bytes.count)
            return bytes.string
        case .list(let elements):
            var texts: [String] = []
            for element in elements { texts.append(try string(element, &frame)) }
            return "[" + texts.joined(separator: ", ") + "]"
        case .map(let map):
            var texts: [(key: String, text: String)] = []
            for (key, value) in map.entries {
                let key = try string(key, &frame)
                texts.append((key, "\(key): \(try string(value, &frame))"))
            }
            texts.sort { ByteString($0.key) < ByteString($1.key) }
            return "{" + texts.map(\.text).joined(separator: ", ") + "}"
        case .message, .optional: throw .invalidArgument("format(): %s takes no value of type \(value.typeName)")
        default:
            guard case .string(let text) = try Conversion.string(value, &frame) else {
                throw .noSuchOverload("format")
            }
            try frame.charge(bytes: text.count)
            return text.string
        }
    }
}
