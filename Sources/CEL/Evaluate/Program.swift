// SPDX-License-Identifier: Apache-2.0

/// A compiled expression. May be evaluated by many threads at once.
package struct Program: Sendable {
    typealias Body = @Sendable (inout Frame) throws(EvaluationError) -> Value

    package let source: String
    package let type: ValueType
    /// The numbers of the variables that the expression mentions.
    package let variables: Set<Int>
    private let placeCount: Int
    private let limits: Limits
    private let body: Body

    init(
        source: String, type: ValueType, variables: Set<Int>, placeCount: Int, limits: Limits, body: @escaping Body
    ) {
        self.source = source
        self.type = type
        self.variables = variables
        self.placeCount = placeCount
        self.limits = limits
        self.body = body
    }

    package func evaluate(_ activation: Activation) throws(EvaluationError) -> Value {
        var frame = Frame(activation: activation, placeCount: placeCount, limit: limits.cost)
        return try body(&frame)
    }

    /// Is the expression true of it? An expression that mentions other variables only, not the one that has a value, is
    /// true of nothing, whatever it says. Any other value than true and false is an error.
    package func matches(_ activation: Activation) throws(EvaluationError) -> Bool {
        if case .only(let variable, _) = activation, !variables.isEmpty, !variables.contains(variable) { return false }
        guard case .bool(let value) = try evaluate(activation) else { throw .noSuchOverload("a filter's result") }
        return value
    }
}
