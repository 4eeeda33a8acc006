// SPDX-License-Identifier: Apache-2.0

// math.greatest, math.least, rounding, signs, bits

extension Library {
    mutating func addMath() {
        addExtremes()
        addRounding()
        addBits()
        let numbers: [ValueType] = [.int, .uint, .double]
        unary("math.abs", numbers.map { overload($0, to: $0) }) { a, _ throws(EvaluationError) in
            switch a {
            case .int(let value):
                guard value != .min else { throw .overflow("math.abs()") }
                return .int(abs(value))
            case .uint: return a
            case .double(let value): return .double(value.magnitude)
            default: throw .noSuchOverload("math.abs")
            }
        }
        unary("math.sign", numbers.map { overload($0, to: $0) }) { a, _ throws(EvaluationError) in
            switch a {
            case .int(let value): return .int(value.signum())
            case .uint(let value): return .uint(value == 0 ? 0 : 1)
            case .double(let value): return .double(value > 0 ? 1 : value < 0 ? -1 : value)
            default: throw .noSuchOverload("math.sign")
            }
        }
        unary("math.sqrt", numbers.map { overload($0, to: .double) }) { a, _ throws(EvaluationError) in
            guard case .double(let value) = try Conversion.double(number(a, "math.sqrt")) else { return a }
            return .double(value.squareRoot())
        }
    }

    private mutating func addExtremes() {
        let numbers: [ValueType] = [.int, .uint, .double]
        for (name, wanted) in [("math.greatest", Comparison.Order.greater), ("math.least", .less)] {
            unary(name, numbers.map { overload($0, to: $0) } + numbers.map { overload(.list($0), to: $0) }) {
                a, frame throws(EvaluationError) in
                guard case .list(let elements) = a else { return try number(a, name) }
                guard var best = elements.first else { throw .invalidArgument("\(name)(): the list is empty") }
                best = try number(best, name)
                for element in elements.dropFirst() {
                    try frame.charge()
                    best = try extreme(best, element, wanted, name)
                }
                return best
            }
            let pairs = numbers.flatMap { a in numbers.map { b in overload(a, b, to: a == b ? a : .dyn) } }
            binary(name, pairs) { a, b, _ throws(EvaluationError) in try extreme(a, b, wanted, name) }
        }
    }

    private mutating func addRounding() {
        let rules: [(String, FloatingPointRoundingRule)] = [
            ("math.ceil", .up), ("math.floor", .down), ("math.round", .toNearestOrAwayFromZero),
            ("math.trunc", .towardZero),
        ]
        for (name, rule) in rules {
            unary(name, [overload(.double, to: .double)]) { a, _ throws(EvaluationError) in
                guard case .double(let value) = a else { throw .noSuchOverload(name) }
                return .double(value.rounded(rule))
            }
        }
        let tests: [(String, @Sendable (Double) -> Bool)] = [
            ("math.isNaN", { $0.isNaN }), ("math.isInf", { $0.isInfinite }), ("math.isFinite", { $0.isFinite }),
        ]
        for (name, test) in tests {
            unary(name, [overload(.double, to: .bool)]) { a, _ throws(EvaluationError) in
                guard case .double(let value) = a else { throw .noSuchOverload(name) }
                return .bool(test(value))
            }
        }
    }

    private mutating func addBits() {
        let whole = [overload(.int, .int, to: .int), overload(.uint, .uint, to: .uint)]
        let operations: [(String, @Sendable (UInt64, UInt64) -> UInt64)] = [
            ("math.bitAnd", { $0 & $1 }), ("math.bitOr", { $0 | $1 }), ("math.bitXor", { $0 ^ $1 }),
        ]
        for (name, operation) in operations {
            binary(name, whole) { a, b, _ throws(EvaluationError) in
                switch (a, b) {
                case (.int(let a), .int(let b)):
                    return .int(Int64(bitPattern: operation(UInt64(bitPattern: a), UInt64(bitPattern: b))))
                case (.uint(let a), .uint(let b)): return .uint(operation(a, b))
                default: throw .noSuchOverload(name)
                }
            }
        }
        unary("math.bitNot", [overload(.int, to: .int), overload(.uint, to: .uint)]) { a, _ throws(EvaluationError) in
            switch a {
            case .int(let value): return .int(~value)
            case .uint(let value): return .uint(~value)
            default: throw .noSuchOverload("math.bitNot")
            }
        }
        let shifts: [(String, @Sendable (UInt64, UInt64) -> UInt64)] = [
            ("math.bitShiftLeft", { $0 << $1 }), ("math.bitShiftRight", { $0 >> $1 }),
        ]
        for (name, shift) in shifts {
            binary(name, [overload(.int, .int, to: .int), overload(.uint, .int, to: .uint)]) {
                a, b, _ throws(EvaluationError) in
                guard case .int(let count) = b else { throw .noSuchOverload(name) }
                guard count >= 0 else { throw .invalidArgument("\(name)(): the number of bits is negative") }
                // Swift's shifts go on to zero beyond the width. An int's sign bit moves like the others.
                switch a {
                case .int(let value): return .int(Int64(bitPattern: shift(UInt64(bitPattern: value), UInt64(count))))
                case .uint(let value): return .uint(shift(value, UInt64(count)))
                default: throw .noSuchOverload(name)
                }
            }
        }
    }
}

private func number(_ value: Value, _ function: String) throws(EvaluationError) -> Value {
    guard value.isNumber else { throw .noSuchOverload(function) }
    return value
}

private func extreme(
    _ a: Value, _ b: Value, _ wanted: Comparison.Order, _ function: String
) throws(EvaluationError) -> Value {
    let (a, b) = (try number(a, function), try number(b, function))
    return Comparison.numeric(b, a) == wanted ? b : a
}
