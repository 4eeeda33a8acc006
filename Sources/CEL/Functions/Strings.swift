// SPDX-License-Identifier: Apache-2.0
internal import RE2

// contains, startsWith, endsWith, matches

extension Library {
    mutating func addStrings() {
        func test(_ name: String, _ isTrue: @escaping @Sendable (ByteString, ByteString) -> Bool) {
            binary(name, member: true, [overload(.string, .string, to: .bool)]) { a, b, frame throws(EvaluationError) in
                guard case .string(let text) = a, case .string(let sought) = b else { throw .noSuchOverload(name) }
                // Where a text has many beginnings of the other, each is looked at.
                try frame.charge(bytes: text.count + text.count * sought.count / 256)
                return .bool(isTrue(text, sought))
            }
        }
        test("contains") { $0.firstIndex(of: $1) != nil }
        test("startsWith") { $0.hasPrefix($1) }
        test("endsWith") { $0.hasSuffix($1) }
        for isMember in [false, true] {
            binary("matches", member: isMember, [overload(.string, .string, to: .bool)]) {
                a, b, frame throws(EvaluationError) in
                guard case .string(let pattern) = b else { throw .noSuchOverload("matches") }
                // Making the expression takes far longer than matching it.
                try frame.charge(100 + pattern.count)
                return try Patterns.matches(a, try Patterns.compile(pattern, Limits()), &frame)
            }
        }
    }
}

enum Patterns {
    static func compile(_ pattern: ByteString, _ limits: Limits) throws(EvaluationError) -> RegularExpression {
        do throws(RegularExpressionError) {
            return try RegularExpression(
                pattern.string,
                limits: RegularExpression.Limits(patternSize: limits.patternSize, memory: limits.patternMemory))
        } catch {
            throw .invalidArgument(error.description)
        }
    }

    static func matches(
        _ text: Value, _ expression: RegularExpression, _ frame: inout Frame
    ) throws(EvaluationError) -> Value {
        guard case .string(let text) = text else { throw .noSuchOverload("matches") }
        // Linear in both, whatever the expression.
        try frame.charge(bytes: text.count * (1 + expression.pattern.utf8.count / 16))
        return .bool(text.withUnsafeBytes { expression.matches($0) })
    }
}
