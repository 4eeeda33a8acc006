// SPDX-License-Identifier: Apache-2.0

/// Equality and order. Numbers of different types are compared as numbers.
enum Comparison {
    /// Values of different types are not equal; there is no error in that.
    static func equal(_ left: Value, _ right: Value, _ frame: inout Frame) throws(EvaluationError) -> Bool {
        switch (left, right) {
        case (.string(let a), .string(let b)), (.bytes(let a), .bytes(let b)):
            guard a.count == b.count else { return false }
            try frame.charge(bytes: a.count)
            return a == b
        case (.int(let a), .int(let b)): return a == b
        case (.bool(let a), .bool(let b)): return a == b
        case (.null, .null): return true
        case (.list(let a), .list(let b)):
            guard a.count == b.count else { return false }
            for (x, y) in zip(a, b) {
                try frame.charge()
                guard try equal(x, y, &frame) else { return false }
            }
            return true
        case (.map(let a), .map(let b)):
            guard a.count == b.count else { return false }
            for (key, value) in a.entries {
                try frame.charge()
                guard let other = b[key], try equal(value, other, &frame) else { return false }
            }
            return true
        case (.message(let a), .message(let b)): return try a.equals(b, &frame)
        case (.timestamp(let a), .timestamp(let b)): return a == b
        case (.duration(let a), .duration(let b)): return a == b
        case (.type(let a), .type(let b)): return a == b
        case (.optional(let a), .optional(let b)):
            guard let a, let b else { return a == nil && b == nil }
            return try equal(a, b, &frame)
        case (.ip(let a), .ip(let b)): return a == b
        case (.cidr(let a), .cidr(let b)): return a == b
        default: return numeric(left, right) == .some(.equal)
        }
    }

    enum Order { case less, equal, greater }

    private static func order<Ordered: Comparable>(_ left: Ordered, _ right: Ordered) -> Order {
        left < right ? .less : left == right ? .equal : .greater
    }

    /// Nil where one is no number, or NaN. Beside a double an integer is rounded to one, as other implementations do.
    static func numeric(_ left: Value, _ right: Value) -> Order? {
        switch (left, right) {
        case (.int(let a), .int(let b)): order(a, b)
        case (.uint(let a), .uint(let b)): order(a, b)
        case (.double(let a), .double(let b)): a.isNaN || b.isNaN ? nil : order(a, b)
        case (.int(let a), .uint(let b)): a < 0 ? .less : order(UInt64(a), b)
        case (.uint(let a), .int(let b)): b < 0 ? .greater : order(a, UInt64(b))
        case (.int(let a), .double(let b)): numeric(.double(Double(a)), .double(b))
        case (.uint(let a), .double(let b)): numeric(.double(Double(a)), .double(b))
        case (.double(let a), .int(let b)): numeric(.double(a), .double(Double(b)))
        case (.double(let a), .uint(let b)): numeric(.double(a), .double(Double(b)))
        default: nil
        }
    }

    /// Nil where there is no order between them: a NaN. Throws where there is none between their types.
    static func order(_ left: Value, _ right: Value, _ frame: inout Frame) throws(EvaluationError) -> Order? {
        switch (left, right) {
        case (.bool(let a), .bool(let b)): return order(a ? 1 : 0, b ? 1 : 0)
        case (.string(let a), .string(let b)), (.bytes(let a), .bytes(let b)):
            try frame.charge(bytes: min(a.count, b.count))
            return order(a, b)
        case (.timestamp(let a), .timestamp(let b)): return order(a, b)
        case (.duration(let a), .duration(let b)): return order(a, b)
        default:
            guard left.isNumber, right.isNumber else { throw .noSuchOverload("_<_") }
            return numeric(left, right)
        }
    }
}

extension MessageValue {
    /// The same type, the same fields set, to the same values.
    func equals(_ other: MessageValue, _ frame: inout Frame) throws(EvaluationError) -> Bool {
        guard type.name == other.type.name else { return false }
        try frame.charge(bytes: bytes.count)
        for field in type.fields + pool.extensions(of: type) {
            try frame.charge()
            let isSet = try has(field)
            guard try isSet == other.has(field) else { return false }
            guard isSet else { continue }
            // What is in an Any may be of a type that nothing is known of.
            if try sameBytes(field, other) { continue }
            if try isUnknownAny(field) { return false }
            if try other.isUnknownAny(field) { return false }
            guard try Comparison.equal(try read(field), try other.read(field), &frame) else { return false }
        }
        return try unknownFields() == other.unknownFields()
    }
}
