// SPDX-License-Identifier: Apache-2.0

// optional.of, optional.none, hasValue, value, or, orValue

extension Library {
    mutating func addOptionals() {
        let optional = ValueType.optional(typeA)
        unary("optional.of", [overload(typeA, to: optional)]) { a, _ throws(EvaluationError) in .optional(a) }
        unary("optional.ofNonZeroValue", [overload(typeA, to: optional)]) { a, _ throws(EvaluationError) in
            .optional(a.isZero ? nil : a)
        }
        many("optional.none", [overload(to: optional)]) { _, _ throws(EvaluationError) in .optional(nil) }
        unary("hasValue", member: true, [overload(optional, to: .bool)]) { a, _ throws(EvaluationError) in
            guard case .optional(let held) = a else { throw .noSuchOverload("hasValue") }
            return .bool(held != nil)
        }
        unary("value", member: true, [overload(optional, to: typeA)]) { a, _ throws(EvaluationError) in
            guard case .optional(let held) = a else { throw .noSuchOverload("value") }
            guard let held else { throw .invalidArgument("value(): the optional holds nothing") }
            return held
        }
        binary("or", member: true, [overload(optional, optional, to: optional)]) { a, b, _ throws(EvaluationError) in
            guard case .optional(let held) = a, case .optional = b else { throw .noSuchOverload("or") }
            return held == nil ? b : a
        }
        binary("orValue", member: true, [overload(optional, typeA, to: typeA)]) { a, b, _ throws(EvaluationError) in
            guard case .optional(let held) = a else { throw .noSuchOverload("orValue") }
            return held ?? b
        }
    }
}
