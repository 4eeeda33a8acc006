// SPDX-License-Identifier: Apache-2.0

// bool, int, uint, double, string, bytes, dyn, type

extension Library {
    mutating func addConversions() {
        unary("bool", [overload(.bool, to: .bool), overload(.string, to: .bool)]) { a, _ throws(EvaluationError) in
            switch a {
            case .bool: return a
            case .string(let text):
                switch text.count > 5 ? "" : text.string {
                case "1", "t", "true", "TRUE", "True": return .bool(true)
                case "0", "f", "false", "FALSE", "False": return .bool(false)
                default: throw .invalidArgument("bool(): the text is neither true nor false")
                }
            default: throw .noSuchOverload("bool")
            }
        }
        let numbers: [ValueType] = [.int, .uint, .double, .string]
        unary("int", (numbers + [.timestamp]).map { overload($0, to: .int) }) { a, _ throws(EvaluationError) in
            try Conversion.int(a)
        }
        unary("uint", numbers.map { overload($0, to: .uint) }) { a, _ throws(EvaluationError) in
            try Conversion.uint(a)
        }
        unary("double", numbers.map { overload($0, to: .double) }) { a, _ throws(EvaluationError) in
            try Conversion.double(a)
        }
        let printed: [ValueType] = numbers + [.bool, .bytes, .timestamp, .duration, .ip, .cidr]
        unary("string", printed.map { overload($0, to: .string) }) { a, frame throws(EvaluationError) in
            try Conversion.string(a, &frame)
        }
        unary("bytes", [overload(.bytes, to: .bytes), overload(.string, to: .bytes)]) { a, _ throws(EvaluationError) in
            switch a {
            case .bytes: return a
            case .string(let text): return .bytes(text)
            default: throw .noSuchOverload("bytes")
            }
        }
        unary("dyn", [overload(typeA, to: .dyn)]) { a, _ throws(EvaluationError) in a }
        unary("type", [overload(typeA, to: .type)]) { a, _ throws(EvaluationError) in .type(a.typeName) }
    }
}

enum Conversion {
    /// Bytes of a number's text. Zeros in front make none of a longer one.
    private static let longestNumber = 64

    static func int(_ a: Value) throws(EvaluationError) -> Value {
        switch a {
        case .int: return a
        case .uint(let value):
            guard let value = Int64(exactly: value) else { throw .overflow("int()") }
            return .int(value)
        case .double(let value):
            // The ends themselves are refused: the double may stand for a number beyond them.
            guard value > -0x1p63, value < 0x1p63 else { throw .overflow("int()") }
            return .int(Int64(value))
        case .string(let text):
            guard text.count <= longestNumber, let value = Int64(text.string) else {
                throw .invalidArgument("int(): the text is no int")
            }
            return .int(value)
        case .timestamp(let time): return .int(time.seconds)
        default: throw .noSuchOverload("int")
        }
    }

    static func uint(_ a: Value) throws(EvaluationError) -> Value {
        switch a {
        case .uint: return a
        case .int(let value):
            guard let value = UInt64(exactly: value) else { throw .overflow("uint()") }
            return .uint(value)
        case .double(let value):
            guard value >= 0, value < 0x1p64 else { throw .overflow("uint()") }
            return .uint(UInt64(value))
        case .string(let text):
            guard text.count <= longestNumber, let value = UInt64(text.string) else {
                throw .invalidArgument("uint(): the text is no uint")
            }
            return .uint(value)
        default: throw .noSuchOverload("uint")
        }
    }

    static func double(_ a: Value) throws(EvaluationError) -> Value {
        switch a {
        case .double: return a
        case .int(let value): return .double(Double(value))
        case .uint(let value): return .double(Double(value))
        case .string(let text):
            guard text.count <= 512, let value = Double(text.string) else {
                throw .invalidArgument("double(): the text is no number")
            }
            return .double(value)
        default: throw .noSuchOverload("double")
        }
    }

    static func string(_ a: Value, _ frame: inout Frame) throws(EvaluationError) -> Value {
        switch a {
        case .string: return a
        case .bytes(let bytes):
            try frame.charge(bytes: bytes.count)
            guard bytes.isUTF8 else { throw .invalidArgument("string(): the bytes are no UTF-8") }
            return .string(bytes)
        case .bool(let value): return .string(value ? "true" : "false")
        case .int(let value): return .string(value.description)
        case .uint(let value): return .string(value.description)
        case .double(let value): return .string(text(value))
        case .timestamp(let time): return .string(time.description)
        case .duration(let span): return .string(span.description)
        case .ip(let address): return .string(address.description)
        case .cidr(let network): return .string(network.description)
        default: throw .noSuchOverload("string")
        }
    }

    /// The shortest text that is read as the same number: with an exponent below 0.0001 and from about 2^53 on.
    static func text(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Infinity" : "Infinity" }
        let text = value.description
        if text.hasSuffix(".0") { return String(text.dropLast(2)) }
        return text
    }
}
