// SPDX-License-Identifier: Apache-2.0

// Operators: ==, !=, <, <=, >, >=, +, -, *, /, %, !

extension Library {
    mutating func addComparisons() {
        let same = [overload(typeA, typeA, to: .bool)]
        binary("_==_", same) { a, b, frame throws(EvaluationError) in .bool(try Comparison.equal(a, b, &frame)) }
        binary("_!=_", same) { a, b, frame throws(EvaluationError) in .bool(try !Comparison.equal(a, b, &frame)) }

        let numbers: [ValueType] = [.int, .uint, .double]
        let ordered =
            numbers.flatMap { a in numbers.map { b in overload(a, b, to: .bool) } }
            + [.bool, .string, .bytes, .timestamp, .duration].map { overload($0, $0, to: .bool) }
        func order(_ name: String, _ isTrue: @escaping @Sendable (Comparison.Order) -> Bool) {
            binary(name, ordered) { a, b, frame throws(EvaluationError) in
                .bool(try Comparison.order(a, b, &frame).map(isTrue) ?? false)
            }
        }
        order("_<_") { $0 == .less }
        order("_<=_") { $0 != .greater }
        order("_>_") { $0 == .greater }
        order("_>=_") { $0 != .less }

        unary("!_", [overload(.bool, to: .bool)]) { a, _ throws(EvaluationError) in
            guard case .bool(let value) = a else { throw .noSuchOverload("!_") }
            return .bool(!value)
        }
    }

    mutating func addArithmetic() {
        let numbers: [ValueType] = [.int, .uint, .double]
        let same = numbers.map { overload($0, $0, to: $0) }
        binary(
            "_+_",
            same + [
                overload(.string, .string, to: .string), overload(.bytes, .bytes, to: .bytes),
                overload(.list(typeA), .list(typeA), to: .list(typeA)),
                overload(.timestamp, .duration, to: .timestamp), overload(.duration, .timestamp, to: .timestamp),
                overload(.duration, .duration, to: .duration),
            ]
        ) { a, b, frame throws(EvaluationError) in try Arithmetic.add(a, b, &frame) }
        binary(
            "_-_",
            same + [
                overload(.timestamp, .timestamp, to: .duration), overload(.timestamp, .duration, to: .timestamp),
                overload(.duration, .duration, to: .duration),
            ]
        ) { a, b, _ throws(EvaluationError) in try Arithmetic.subtract(a, b) }
        binary("_*_", same) { a, b, _ throws(EvaluationError) in try Arithmetic.multiply(a, b) }
        binary("_/_", same) { a, b, _ throws(EvaluationError) in try Arithmetic.divide(a, b) }
        binary("_%_", Array(same.prefix(2))) { a, b, _ throws(EvaluationError) in try Arithmetic.remainder(a, b) }
        unary("-_", [overload(.int, to: .int), overload(.double, to: .double), overload(.duration, to: .duration)]) {
            a, _ throws(EvaluationError) in try Arithmetic.negate(a)
        }
    }
}

/// Integers that do not fit are errors; doubles follow IEEE 754.
private enum Arithmetic {
    private static func fitting<Number>(
        _ result: (partialValue: Number, overflow: Bool), _ name: String
    ) throws(EvaluationError) -> Number {
        guard !result.overflow else { throw .overflow(name) }
        return result.partialValue
    }

    static func add(_ a: Value, _ b: Value, _ frame: inout Frame) throws(EvaluationError) -> Value {
        switch (a, b) {
        case (.int(let a), .int(let b)): return .int(try fitting(a.addingReportingOverflow(b), "+"))
        case (.uint(let a), .uint(let b)): return .uint(try fitting(a.addingReportingOverflow(b), "+"))
        case (.double(let a), .double(let b)): return .double(a + b)
        case (.string(let a), .string(let b)):
            try frame.charge(bytes: a.count + b.count)
            return .string(a + b)
        case (.bytes(let a), .bytes(let b)):
            try frame.charge(bytes: a.count + b.count)
            return .bytes(a + b)
        case (.list(let a), .list(let b)):
            try frame.charge(a.count + b.count)
            return .list(a + b)
        case (.timestamp(let time), .duration(let span)), (.duration(let span), .timestamp(let time)):
            guard let sum = time.advanced(by: span) else { throw .overflow("+") }
            return .timestamp(sum)
        case (.duration(let a), .duration(let b)):
            return .duration(
                Span(nanoseconds: try fitting(a.nanoseconds.addingReportingOverflow(b.nanoseconds), "+")))
        default: throw .noSuchOverload("_+_")
        }
    }

    static func subtract(_ a: Value, _ b: Value) throws(EvaluationError) -> Value {
        switch (a, b) {
        case (.int(let a), .int(let b)): return .int(try fitting(a.subtractingReportingOverflow(b), "-"))
        case (.uint(let a), .uint(let b)): return .uint(try fitting(a.subtractingReportingOverflow(b), "-"))
        case (.double(let a), .double(let b)): return .double(a - b)
        case (.timestamp(let a), .timestamp(let b)):
            guard let span = a.since(b) else { throw .overflow("-") }
            return .duration(span)
        case (.timestamp(let time), .duration(let span)):
            let negated = try fitting(Int64(0).subtractingReportingOverflow(span.nanoseconds), "-")
            guard let difference = time.advanced(by: Span(nanoseconds: negated)) else { throw .overflow("-") }
            return .timestamp(difference)
        case (.duration(let a), .duration(let b)):
            return .duration(
                Span(nanoseconds: try fitting(a.nanoseconds.subtractingReportingOverflow(b.nanoseconds), "-")))
        default: throw .noSuchOverload("_-_")
        }
    }

    static func multiply(_ a: Value, _ b: Value) throws(EvaluationError) -> Value {
        switch (a, b) {
        case (.int(let a), .int(let b)): return .int(try fitting(a.multipliedReportingOverflow(by: b), "*"))
        case (.uint(let a), .uint(let b)): return .uint(try fitting(a.multipliedReportingOverflow(by: b), "*"))
        case (.double(let a), .double(let b)): return .double(a * b)
        default: throw .noSuchOverload("_*_")
        }
    }

    static func divide(_ a: Value, _ b: Value) throws(EvaluationError) -> Value {
        switch (a, b) {
        case (.int(_), .int(0)), (.uint(_), .uint(0)): throw .divisionByZero
        case (.int(let a), .int(let b)): return .int(try fitting(a.dividedReportingOverflow(by: b), "/"))
        case (.uint(let a), .uint(let b)): return .uint(a / b)
        case (.double(let a), .double(let b)): return .double(a / b)
        default: throw .noSuchOverload("_/_")
        }
    }

    static func remainder(_ a: Value, _ b: Value) throws(EvaluationError) -> Value {
        switch (a, b) {
        case (.int(_), .int(0)), (.uint(_), .uint(0)): throw .divisionByZero
        case (.int(let a), .int(let b)): return .int(try fitting(a.remainderReportingOverflow(dividingBy: b), "%"))
        case (.uint(let a), .uint(let b)): return .uint(a % b)
        default: throw .noSuchOverload("_%_")
        }
    }

    static func negate(_ a: Value) throws(EvaluationError) -> Value {
        switch a {
        case .int(let value): return .int(try fitting(Int64(0).subtractingReportingOverflow(value), "-"))
        case .double(let value): return .double(-value)
        case .duration(let span):
            return .duration(
                Span(nanoseconds: try fitting(Int64(0).subtractingReportingOverflow(span.nanoseconds), "-")))
        default: throw .noSuchOverload("-_")
        }
    }
}
