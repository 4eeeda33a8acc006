// SPDX-License-Identifier: Apache-2.0

// Lists, maps, messages, and the macros that go through them.

extension Checker {
    mutating func list(_ elements: [Expression.Element]) throws(SourceError) -> Typed {
        var nodes: [(value: Node, isOptional: Bool)] = []
        var joined: ValueType?
        for element in elements {
            let (node, type) = try value(element.value, isOptional: element.isOptional)
            nodes.append((node, element.isOptional))
            joined = joined.map { types.join($0, type) } ?? type
        }
        let type = joined ?? types.fresh()
        if let constants = allConstants(nodes.map { $0.isOptional ? nil : $0.value.constant }) {
            return (.constant(.list(constants)), .list(type))
        }
        return (.list(nodes), .list(type))
    }

    private func allConstants(_ values: [Value?]) -> [Value]? {
        let known = values.compactMap { $0 }
        return known.count == values.count ? known : nil
    }

    mutating func map(_ entries: [Expression.Entry]) throws(SourceError) -> Typed {
        var nodes: [(key: Node, value: Node, isOptional: Bool)] = []
        var keys: ValueType?
        var values: ValueType?
        for entry in entries {
            let key = try check(entry.key)
            let (node, type) = try value(entry.value, isOptional: entry.isOptional)
            nodes.append((key.node, node, entry.isOptional))
            let keyType = try self.keyType(entry.key.position, key.type)
            keys = keys.map { types.join($0, keyType) } ?? keyType
            values = values.map { types.join($0, type) } ?? type
        }
        return (.map(nodes), .map(keys ?? types.fresh(), values ?? types.fresh()))
    }

    /// Keys are simple. (Types of types of both would also grow without end.)
    private func keyType(_ position: Int, _ type: ValueType) throws(SourceError) -> ValueType {
        let type = types.resolve(type)
        switch type {
        case .bool, .int, .uint, .string, .wrapper: return type
        case .dyn, .error, .variable: return .dyn
        default:
            return try complain(
                position, "a value of type \(text(type)) cannot be the key of a map: bool, int, uint and string can")
        }
    }

    /// The type of a value, or of what an optional value holds.
    private mutating func value(
        _ expression: Expression, isOptional: Bool
    ) throws(SourceError) -> Typed {
        let checked = try check(expression)
        guard isOptional else { return checked }
        let inner = types.fresh()
        try require(.optional(inner), checked.type, expression.position, "what follows '?'")
        return (checked.node, types.resolve(inner))
    }

    mutating func message(
        _ position: Int, _ name: String, _ isRooted: Bool, _ fields: [Expression.Assignment]
    ) throws(SourceError) -> Typed {
        guard let type = environment.messageType(name, isRooted: isRooted) else {
            let unknown = try complain(position, "there is no message type '\(name)'")
            return (.failure(.unknownVariable(name)), unknown)
        }
        var nodes: [(field: Field, value: Node, isOptional: Bool)] = []
        for assignment in fields {
            let (node, valueType) = try value(assignment.value, isOptional: assignment.isOptional)
            guard let field = environment.pool.field(assignment.field, of: type) else {
                let unknown = try complain(
                    assignment.position, "the type \(type.name) has no field '\(assignment.field)'")
                return (.failure(.noSuchField(assignment.field)), unknown)
            }
            try require(
                environment.assignableType(of: field), valueType, assignment.value.position, "the field '\(field.name)'"
            )
            guard !nodes.contains(where: { $0.field === field }) else {
                throw SourceError(assignment.position, "the field '\(field.name)' is there twice")
            }
            nodes.append((field, node, assignment.isOptional))
        }
        return (.message(type, nodes), environment.type(of: type))
    }

    // MARK: Macros

    mutating func comprehension(_ position: Int, _ comprehension: Comprehension) throws(SourceError) -> Typed {
        let range = try check(comprehension.range)
        let (key, element) = try elements(comprehension.range.position, range.type)
        // One variable is a list's element or a map's key.
        let isMap = if case .map = types.resolve(range.type) { true } else { false }
        let single = isMap ? key : element
        let variableTypes = comprehension.variables.count == 1 ? [single] : [key, element]
        let variables = zip(comprehension.variables, variableTypes).map { (name: $0, type: $1) }
        return try inScope(variables) { checker, places throws(SourceError) in
            var filter: Typed?
            if let condition = comprehension.filter {
                filter = try checker.check(condition)
                try checker.require(.bool, filter?.type ?? .bool, condition.position, "the condition of a macro")
            }
            let body = try checker.check(comprehension.body)
            let type = try checker.result(comprehension, body.type, key: key, single: single)
            let node = Node.comprehension(
                comprehension.kind, range: range.node, places: places, filter: filter?.node, body: body.node)
            return (node, type)
        }
    }

    /// The types of what a macro goes through: index and element, or key and value.
    private mutating func elements(_ position: Int, _ type: ValueType) throws(SourceError) -> (ValueType, ValueType) {
        switch types.resolve(type) {
        case .list(let element): return (.int, element)
        case .map(let key, let value): return (key, value)
        case .dyn, .error: return (.dyn, .dyn)
        case .variable:
            _ = types.assign([(.dyn, type)])
            return (.dyn, .dyn)
        default:
            let unknown = try complain(
                position, "a macro goes through a list or map, not through a value of type \(text(type))")
            return (unknown, unknown)
        }
    }

    private mutating func result(
        _ comprehension: Comprehension, _ body: ValueType, key: ValueType, single: ValueType
    ) throws(SourceError) -> ValueType {
        let position = comprehension.body.position
        switch comprehension.kind {
        case .all, .exists, .existsOne:
            try require(.bool, body, position, "the condition of a macro")
            return .bool
        case .filter:
            try require(.bool, body, position, "the condition of a macro")
            return .list(single)
        case .map: return .list(body)
        case .transformMap: return .map(key, body)
        case .transformMapEntry:
            let (newKey, newValue) = (types.fresh(), types.fresh())
            try require(.map(newKey, newValue), body, position, "what transformMapEntry() makes")
            return .map(try keyType(position, newKey), types.resolve(newValue))
        }
    }

    mutating func optionalMap(
        _ target: Expression, _ variable: String, _ body: Expression, _ isFlat: Bool
    ) throws(SourceError) -> Typed {
        let position = target.position
        let target = try check(target)
        let inner = types.fresh()
        try require(.optional(inner), target.type, position, "what optMap() and optFlatMap() are called on")
        return try inScope([(variable, types.resolve(inner))]) { checker, places throws(SourceError) in
            let checked = try checker.check(body)
            if isFlat {
                let result = checker.types.fresh()
                try checker.require(
                    .optional(result), checked.type, body.position, "what optFlatMap() makes")
            }
            let node = Node.optionalMap(target.node, place: places[0], checked.node, isFlat: isFlat)
            return (node, isFlat ? checked.type : .optional(checked.type))
        }
    }
}
