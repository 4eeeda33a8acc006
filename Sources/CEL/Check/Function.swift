// SPDX-License-Identifier: Apache-2.0

/// What a function takes and returns in one of its forms.
struct Overload: Sendable {
    let parameters: [ValueType]
    let result: ValueType

    init(_ parameters: [ValueType], _ result: ValueType) {
        self.parameters = parameters
        self.result = result
    }
}

/// A function of a name, a call style and a number of arguments. What it computes looks at the values that it gets:
/// the checker may have known their types or not.
final class Function: Sendable {
    typealias Unary = @Sendable (Value, inout Frame) throws(EvaluationError) -> Value
    typealias Binary = @Sendable (Value, Value, inout Frame) throws(EvaluationError) -> Value
    typealias Ternary = @Sendable (Value, Value, Value, inout Frame) throws(EvaluationError) -> Value
    typealias Many = @Sendable ([Value], inout Frame) throws(EvaluationError) -> Value

    enum Body: Sendable {
        case unary(Unary)
        case binary(Binary)
        case ternary(Ternary)
        case many(Many)
    }

    let name: String
    let overloads: [Overload]
    let body: Body

    init(name: String, overloads: [Overload], body: Body) {
        self.name = name
        self.overloads = overloads
        self.body = body
    }
}

/// All functions that expressions may call.
struct Library: Sendable {
    struct Signature: Hashable {
        let name: String
        /// Called as `a.f(b)`: then `a` is one of the arguments.
        let isMember: Bool
        let arity: Int
    }

    private var functions: [Signature: Function] = [:]
    private var names: Set<String> = []

    func function(_ name: String, isMember: Bool, arity: Int) -> Function? {
        functions[Signature(name: name, isMember: isMember, arity: arity)]
    }

    /// Is there a function that is not called on a value, whatever it takes?
    func hasGlobal(_ name: String) -> Bool { names.contains(name) }

    mutating func add(_ name: String, member: Bool = false, _ overloads: [Overload], _ body: Function.Body) {
        let function = Function(name: name, overloads: overloads, body: body)
        let arity = overloads.first?.parameters.count ?? 0
        functions[Signature(name: name, isMember: member, arity: arity)] = function
        if !member { names.insert(name) }
    }

    mutating func unary(
        _ name: String, member: Bool = false, _ overloads: [Overload], _ body: @escaping Function.Unary
    ) {
        add(name, member: member, overloads, .unary(body))
    }

    mutating func binary(
        _ name: String, member: Bool = false, _ overloads: [Overload], _ body: @escaping Function.Binary
    ) {
        add(name, member: member, overloads, .binary(body))
    }

    mutating func ternary(
        _ name: String, member: Bool = false, _ overloads: [Overload], _ body: @escaping Function.Ternary
    ) {
        add(name, member: member, overloads, .ternary(body))
    }

    mutating func many(
        _ name: String, member: Bool = false, _ overloads: [Overload], _ body: @escaping Function.Many
    ) {
        add(name, member: member, overloads, .many(body))
    }
}
