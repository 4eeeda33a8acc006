// SPDX-License-Identifier: Apache-2.0

/// Finds what the checker's type variables stand for.
struct Unifier {
    private var bound: [Int: ValueType] = [:]
    /// What the variables bound by the assignment under way stood for before it.
    private var journal: [(variable: Int, before: ValueType?)] = []
    private var next = 0

    mutating func fresh() -> ValueType {
        next += 1
        return .variable(next)
    }

    /// The overload with new variables in the place of its parameters.
    mutating func instantiate(_ overload: Overload) -> Overload {
        var variables: [String: ValueType] = [:]
        let parameters = overload.parameters.map { instantiate($0, &variables) }
        return Overload(parameters, instantiate(overload.result, &variables))
    }

    private mutating func instantiate(_ type: ValueType, _ variables: inout [String: ValueType]) -> ValueType {
        switch type {
        case .parameter(let name):
            if let known = variables[name] { return known }
            let variable = fresh()
            variables[name] = variable
            return variable
        case .list(let element): return .list(instantiate(element, &variables))
        case .map(let key, let value): return .map(instantiate(key, &variables), instantiate(value, &variables))
        case .opaque(let name, let parameters):
            var instantiated: [ValueType] = []
            for parameter in parameters { instantiated.append(instantiate(parameter, &variables)) }
            return .opaque(name, instantiated)
        default: return type
        }
    }

    /// The type with what is known of its variables; those that stay become `dyn` if asked for.
    func resolve(_ type: ValueType, unboundAsDyn: Bool = false) -> ValueType {
        switch type {
        case .variable(let number):
            if let type = bound[number] { return resolve(type, unboundAsDyn: unboundAsDyn) }
            return unboundAsDyn ? .dyn : type
        case .list(let element): return .list(resolve(element, unboundAsDyn: unboundAsDyn))
        case .map(let key, let value):
            return .map(resolve(key, unboundAsDyn: unboundAsDyn), resolve(value, unboundAsDyn: unboundAsDyn))
        case .opaque(let name, let parameters):
            return .opaque(name, parameters.map { resolve($0, unboundAsDyn: unboundAsDyn) })
        default: return type
        }
    }

    /// Can values of the second type stand where the first is expected? Where they can, variables are bound; else
    /// nothing changes.
    mutating func assign(_ types: [(ValueType, ValueType)]) -> Bool {
        defer { journal.removeAll(keepingCapacity: true) }
        for (expected, actual) in types where !agree(actual, expected) {
            for (variable, before) in journal.reversed() { bound[variable] = before }
            return false
        }
        return true
    }

    private mutating func set(_ variable: Int, _ type: ValueType) {
        journal.append((variable, bound[variable]))
        bound[variable] = type
    }

    /// One type for both: the more general one, or `dyn` where they have nothing in common.
    mutating func join(_ first: ValueType, _ second: ValueType) -> ValueType {
        assign([(first, second)]) ? mostGeneral(first, second) : .dyn
    }

    // MARK: Agreement

    private mutating func agree(_ left: ValueType, _ right: ValueType) -> Bool {
        if case .variable(let number) = right {
            switch bind(number, left) {
            case .bound: return true
            case .conflict: return false
            case .cyclic: break
            }
        }
        if case .variable(let number) = left { return bind(number, right) == .bound }
        switch (left, right) {
        case (.dyn, _), (_, .dyn), (.error, _), (_, .error): return true
        case (.null, _): return Self.isNullable(right)
        case (_, .null): return Self.isNullable(left)
        case (.wrapper(let a), .wrapper(let b)): return a == b
        case (.wrapper(let a), let b), (let b, .wrapper(let a)): return a == b
        case (.list(let a), .list(let b)): return agree(a, b)
        case (.map(let a, let x), .map(let b, let y)): return agree(a, b) && agree(x, y)
        case (.opaque(let a, let x), .opaque(let b, let y)):
            guard a == b, x.count == y.count else { return false }
            for (p, q) in zip(x, y) where !agree(p, q) { return false }
            return true
        default: return left == right
        }
    }

    /// Null is a value of these, as the reference checkers have it.
    private static func isNullable(_ type: ValueType) -> Bool {
        switch type {
        case .null, .message, .wrapper, .timestamp, .duration, .opaque: true
        default: false
        }
    }

    private enum Binding { case bound, conflict, cyclic }

    private mutating func bind(_ number: Int, _ type: ValueType) -> Binding {
        if type == .variable(number) { return .bound }
        if let known = bound[number] {
            if known == type { return .bound }
            guard agree(type, known) else { return .conflict }
            let general = mostGeneral(type, known)
            if !occurs(number, in: general) { set(number, general) }
            return .bound
        }
        if occurs(number, in: type) {
            return resolve(type) == .variable(number) ? .bound : .cyclic
        }
        set(number, type)
        return .bound
    }

    private func occurs(_ number: Int, in type: ValueType) -> Bool {
        switch type {
        case .variable(let other): other == number || bound[other].map { occurs(number, in: $0) } ?? false
        case .list(let element): occurs(number, in: element)
        case .map(let key, let value): occurs(number, in: key) || occurs(number, in: value)
        case .opaque(_, let parameters): parameters.contains { occurs(number, in: $0) }
        default: false
        }
    }

    private func mostGeneral(_ first: ValueType, _ second: ValueType) -> ValueType {
        isAsGeneral(first, second) ? first : second
    }

    private func isAsGeneral(_ left: ValueType, _ right: ValueType) -> Bool {
        switch (left, right) {
        case (.dyn, _), (.variable, _): true
        case (_, .dyn), (_, .variable): false
        case (.null, _): right == .null
        case (_, .null): true
        case (.wrapper, _): true
        case (_, .wrapper): false
        case (.list(let a), .list(let b)): isAsGeneral(a, b)
        case (.map(let a, let x), .map(let b, let y)): isAsGeneral(a, b) && isAsGeneral(x, y)
        case (.opaque(let a, let x), .opaque(let b, let y)): a == b && zip(x, y).allSatisfy { isAsGeneral($0, $1) }
        default: left == right
        }
    }
}
