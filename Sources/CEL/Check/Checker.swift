// SPDX-License-Identifier: Apache-2.0

/// Finds what names mean and whether types agree. Types are gradual: with `dyn` everything agrees, and the values say
/// at run time.
struct Checker {
    struct Scope {
        let name: String
        let place: Int
        let type: ValueType
    }

    let environment: Environment
    /// Without, what is wrong is an error of the evaluation.
    let isStrict: Bool
    var types = Unifier()
    /// Macros' variables, the innermost last.
    private var scopes: [Scope] = []
    private(set) var placeCount = 0
    /// The numbers of the environment's variables that are mentioned.
    private(set) var mentioned: Set<Int> = []

    init(_ environment: Environment, isStrict: Bool) {
        self.environment = environment
        self.isStrict = isStrict
    }

    typealias Typed = (node: Node, type: ValueType)

    mutating func check(_ expression: Expression) throws(SourceError) -> Typed {
        let position = expression.position
        switch expression.kind {
        case .literal(let value): return (.constant(value), Self.type(of: value))
        case .name(let name, let isRooted): return try self.name(position, name, isRooted)
        case .select(let operand, let field, let isOptional):
            return try select(expression, operand, field, isOptional)
        case .has(let operand, let field): return try has(position, operand, field)
        case .index(let operand, let index, let isOptional):
            return try self.index(position, operand, index, isOptional)
        case .call(let name, let receiver, let arguments): return try call(position, name, receiver, arguments)
        case .conditional(let condition, let first, let second):
            return try conditional(condition, first, second)
        case .logical(let isAnd, let operands): return try logical(isAnd, operands)
        case .list(let elements): return try list(elements)
        case .map(let entries): return try map(entries)
        case .message(let name, let isRooted, let fields): return try message(position, name, isRooted, fields)
        case .comprehension(let comprehension): return try self.comprehension(position, comprehension)
        case .bind(let name, let value, let body):
            let value = try check(value)
            return try inScope([(name, value.type)]) { checker, places throws(SourceError) in
                let body = try checker.check(body)
                return (.bind(place: places[0], value.node, body.node), body.type)
            }
        case .optionalMap(let target, let variable, let body, let isFlat):
            return try optionalMap(target, variable, body, isFlat)
        }
    }

    private static func type(of value: Value) -> ValueType {
        switch value {
        case .bool: .bool
        case .int: .int
        case .uint: .uint
        case .double: .double
        case .string: .string
        case .bytes: .bytes
        case .null: .null
        default: .dyn
        }
    }

    /// Throws where types are checked; else the type is not known.
    func complain(_ position: Int, _ message: String) throws(SourceError) -> ValueType {
        guard !isStrict else { throw SourceError(position, message) }
        return .dyn
    }

    mutating func require(
        _ expected: ValueType, _ actual: ValueType, _ position: Int, _ what: String
    ) throws(SourceError) {
        guard types.assign([(expected, actual)]) else {
            _ = try complain(position, "\(what) is of type \(text(actual)), where \(text(expected)) is expected")
            return
        }
    }

    func text(_ type: ValueType) -> String { types.resolve(type, unboundAsDyn: true).description }

    // MARK: Names

    mutating func inScope(
        _ variables: [(name: String, type: ValueType)],
        _ body: (inout Checker, [Int]) throws(SourceError) -> Typed
    ) throws(SourceError) -> Typed {
        let before = scopes.count
        for (name, type) in variables { scopes.append(Scope(name: name, place: scopes.count, type: type)) }
        placeCount = max(placeCount, scopes.count)
        defer { scopes.removeLast(scopes.count - before) }
        return try body(&self, Array(before..<scopes.count))
    }

    private func local(_ name: String) -> Scope? { scopes.last { $0.name == name } }

    /// The names that a name may stand for, the innermost of the container first.
    private func candidates(_ name: String, _ isRooted: Bool) -> [String] {
        var names: [String] = []
        if !isRooted {
            var container = environment.container[...]
            while !container.isEmpty {
                names.append("\(container).\(name)")
                container = container[..<(container.lastIndex(of: ".") ?? container.startIndex)]
            }
        }
        return names + [name]
    }

    private mutating func name(_ position: Int, _ name: String, _ isRooted: Bool) throws(SourceError) -> Typed {
        if !isRooted, let scope = local(name) { return (.local(scope.place), scope.type) }
        if let found = qualified(name, isRooted) { return found }
        let type = try complain(position, "nothing is known by the name '\(name)'")
        return (.failure(.unknownVariable(name)), type)
    }

    /// A variable, a constant of an enum, or a type.
    private mutating func qualified(_ name: String, _ isRooted: Bool) -> Typed? {
        for candidate in candidates(name, isRooted) {
            if let index = environment.variableIndex(candidate) {
                mentioned.insert(index)
                return (.variable(index), environment.variables[index].type)
            }
            if let constant = environment.pool.constant(candidate) { return (.constant(.int(constant)), .int) }
            if let type = environment.typeName(candidate) { return (.constant(.type(type)), .type) }
        }
        return nil
    }

    /// The longest row of selections that is a name.
    private mutating func qualified(_ expression: Expression) -> Typed? {
        guard let (name, isRooted) = Parser.qualifiedName(expression) else { return nil }
        if !isRooted, local(String(name.prefix { $0 != "." })) != nil { return nil }
        return qualified(name, isRooted)
    }

    // MARK: Selection

    private mutating func select(
        _ expression: Expression, _ operand: Expression, _ field: String, _ isOptional: Bool
    ) throws(SourceError) -> Typed {
        if !isOptional, let found = qualified(expression) { return found }
        let operand = try check(operand)
        let (selector, type, wasOptional) = try selected(expression.position, operand.type, field)
        let node = Node.select(operand.node, selector, isOptional: isOptional)
        return (node, isOptional || wasOptional ? .optional(type) : type)
    }

    private mutating func has(
        _ position: Int, _ operand: Expression, _ field: String
    ) throws(SourceError) -> Typed {
        let operand = try check(operand)
        let (selector, _, _) = try selected(position, operand.type, field)
        return (.has(operand.node, selector), .bool)
    }

    /// The selector, the type of what is selected, and whether the operand is an optional value of what has the field.
    private mutating func selected(
        _ position: Int, _ operand: ValueType, _ field: String
    ) throws(SourceError) -> (Selector, ValueType, Bool) {
        let operand = types.resolve(operand)
        if case .opaque("optional_type", let parameters) = operand, let inner = parameters.first {
            let (selector, type, _) = try selected(position, inner, field)
            return (selector, type, true)
        }
        switch operand {
        case .map(_, let value): return (Selector(name: field, field: nil), value, false)
        case .message(let name):
            guard let type = environment.pool.message(name), let found = environment.pool.field(field, of: type)
            else {
                let type = try complain(position, "the type \(name) has no field '\(field)'")
                return (Selector(name: field, field: nil), type, false)
            }
            return (Selector(name: field, field: found), environment.type(of: found), false)
        case .variable:
            // It may turn out as anything.
            _ = types.assign([(.dyn, operand)])
            return (Selector(name: field, field: nil), .dyn, false)
        case .dyn, .error: return (Selector(name: field, field: nil), .dyn, false)
        default:
            let type = try complain(position, "a value of type \(text(operand)) has no fields, so no '\(field)'")
            return (Selector(name: field, field: nil), type, false)
        }
    }

    private mutating func index(
        _ position: Int, _ operand: Expression, _ index: Expression, _ isOptional: Bool
    ) throws(SourceError) -> Typed {
        let indexPosition = index.position
        let operand = try check(operand)
        let index = try check(index)
        var container = types.resolve(operand.type)
        var isOptional = isOptional
        let node = Node.index(operand.node, index.node, isOptional: isOptional)
        if case .opaque("optional_type", let parameters) = container, let inner = parameters.first {
            container = types.resolve(inner)
            isOptional = true
        }
        let type: ValueType
        switch container {
        case .list(let element):
            try require(.int, index.type, indexPosition, "the index of a list")
            type = element
        case .map(let key, let value):
            try require(key, index.type, indexPosition, "the key")
            type = value
        case .dyn, .error, .variable: type = .dyn
        default: type = try complain(position, "a value of type \(text(container)) has no elements")
        }
        return (node, isOptional ? .optional(type) : type)
    }

    // MARK: Calls

    private mutating func call(
        _ position: Int, _ name: String, _ receiver: Expression?, _ arguments: [Expression]
    ) throws(SourceError) -> Typed {
        var name = name
        var operands = arguments
        var isMember = false
        if let receiver {
            if let qualified = namespaced(receiver, name) {
                name = qualified
            } else {
                isMember = true
                operands.insert(receiver, at: 0)
            }
        } else {
            let isRooted = name.hasPrefix(".")
            name = isRooted ? String(name.dropFirst()) : name
            name = candidates(name, isRooted).first(where: environment.library.hasGlobal) ?? name
        }
        var checked: [Typed] = []
        for operand in operands { checked.append(try check(operand)) }
        guard let function = environment.library.function(name, isMember: isMember, arity: operands.count) else {
            let count = arguments.count
            let type = try complain(
                position,
                "there is no function '\(name)' "
                    + (isMember ? "of a value of type \(text(checked[0].type)) " : "")
                    + "that takes \(count == 1 ? "one argument" : "\(count) arguments")")
            return (.failure(.noSuchOverload(name)), type)
        }
        return (.call(function, checked.map(\.node)), try result(position, function, checked.map(\.type)))
    }

    /// The full name of a function that is called as `namespace.f()`.
    private func namespaced(_ receiver: Expression, _ name: String) -> String? {
        guard let (namespace, isRooted) = Parser.qualifiedName(receiver) else { return nil }
        if !isRooted, local(String(namespace.prefix { $0 != "." })) != nil { return nil }
        return candidates("\(namespace).\(name)", isRooted).first(where: environment.library.hasGlobal)
    }

    private mutating func result(
        _ position: Int, _ function: Function, _ arguments: [ValueType]
    ) throws(SourceError) -> ValueType {
        var result: ValueType?
        for overload in function.overloads {
            let overload = types.instantiate(overload)
            guard types.assign(Array(zip(overload.parameters, arguments))) else { continue }
            let type = types.resolve(overload.result)
            // Where more than one form fits, the values decide.
            result = result == nil || result == type ? type : .dyn
        }
        if let result { return result }
        let taken = arguments.map(text).joined(separator: ", ")
        return try complain(position, "\(Self.display(function.name)) does not take (\(taken))")
    }

    /// Operators without the marks that tell them from names.
    private static func display(_ name: String) -> String {
        guard let first = name.first, "_!-@".contains(first) else { return "the function '\(name)'" }
        return "the operator '\(name.filter { $0 != "_" && $0 != "@" })'"
    }

    // MARK: Logic

    private mutating func conditional(
        _ condition: Expression, _ first: Expression, _ second: Expression
    ) throws(SourceError) -> Typed {
        let position = condition.position
        let condition = try check(condition)
        try require(.bool, condition.type, position, "the condition before '?'")
        let left = try check(first)
        let right = try check(second)
        let variable = types.fresh()
        if !types.assign([(variable, left.type), (variable, right.type)]) {
            let type = try complain(
                second.position,
                "the values on both sides of ':' differ in type: \(text(left.type)) and \(text(right.type))")
            return (.conditional(condition.node, left.node, right.node), type)
        }
        return (.conditional(condition.node, left.node, right.node), types.resolve(variable))
    }

    private mutating func logical(_ isAnd: Bool, _ operands: [Expression]) throws(SourceError) -> Typed {
        var nodes: [Node] = []
        for operand in operands {
            let checked = try check(operand)
            try require(.bool, checked.type, operand.position, "an operand of '\(isAnd ? "&&" : "||")'")
            nodes.append(checked.node)
        }
        return (.logical(isAnd: isAnd, nodes), .bool)
    }
}
