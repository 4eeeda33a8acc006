// SPDX-License-Identifier: Apache-2.0

// Macros: what looks like a call and is more. They become nodes of their own, so that none doubles an argument.

extension Parser {
    /// Nil where it is an ordinary call.
    func macro(
        _ position: Int, _ name: String, _ receiver: Expression?, _ arguments: [Expression]
    ) throws(SourceError) -> Expression? {
        guard let receiver else {
            return name == "has" && arguments.count == 1 ? try has(position, arguments[0]) : nil
        }
        if case .name(let namespace, _) = receiver.kind,
            let expanded = try macro(position, in: namespace, name, arguments)
        {
            return expanded
        }
        switch (name, arguments.count) {
        case ("all", 2), ("all", 3): return try comprehension(position, .all, receiver, arguments)
        case ("exists", 2), ("exists", 3): return try comprehension(position, .exists, receiver, arguments)
        case ("exists_one", 2), ("exists_one", 3), ("existsOne", 2), ("existsOne", 3):
            return try comprehension(position, .existsOne, receiver, arguments)
        case ("filter", 2): return try comprehension(position, .filter, receiver, arguments)
        case ("map", 2): return try comprehension(position, .map, receiver, arguments)
        case ("map", 3): return try comprehension(position, .map, receiver, arguments, filter: 1)
        case ("transformList", 3): return try comprehension(position, .map, receiver, arguments)
        case ("transformList", 4): return try comprehension(position, .map, receiver, arguments, filter: 2)
        case ("transformMap", 3): return try comprehension(position, .transformMap, receiver, arguments)
        case ("transformMap", 4): return try comprehension(position, .transformMap, receiver, arguments, filter: 2)
        case ("transformMapEntry", 3): return try comprehension(position, .transformMapEntry, receiver, arguments)
        case ("transformMapEntry", 4):
            return try comprehension(position, .transformMapEntry, receiver, arguments, filter: 2)
        case ("optMap", 2), ("optFlatMap", 2):
            return try node(
                position,
                .optionalMap(
                    receiver, variable: try variable(arguments[0]), arguments[1], isFlat: name == "optFlatMap"),
                [receiver, arguments[1]])
        default: return nil
        }
    }

    private func has(_ position: Int, _ argument: Expression) throws(SourceError) -> Expression {
        guard case .select(let operand, let field, _) = argument.kind else {
            throw SourceError(argument.position, "has() takes the selection of a field: has(a.b)")
        }
        return try node(position, .has(operand, field), [operand])
    }

    private func comprehension(
        _ position: Int, _ kind: Comprehension.Kind, _ range: Expression, _ arguments: [Expression],
        filter: Int? = nil
    ) throws(SourceError) -> Expression {
        let names = arguments.dropLast(filter == nil ? 1 : 2)
        var variables: [String] = []
        for argument in names { variables.append(try variable(argument)) }
        guard Set(variables).count == variables.count else {
            throw SourceError(arguments[1].position, "the variables of a macro have different names")
        }
        let condition = filter.map { arguments[$0] }
        let body = arguments[arguments.count - 1]
        return try node(
            position,
            .comprehension(
                Comprehension(kind: kind, range: range, variables: variables, filter: condition, body: body)),
            [range, condition, body])
    }

    private func variable(_ argument: Expression) throws(SourceError) -> String {
        guard case .name(let name, isRooted: false) = argument.kind else {
            throw SourceError(argument.position, "a macro's variable is a simple name")
        }
        return name
    }

    // MARK: cel, math, proto

    private func macro(
        _ position: Int, in namespace: String, _ name: String, _ arguments: [Expression]
    ) throws(SourceError) -> Expression? {
        switch (namespace, name, arguments.count) {
        case ("cel", "bind", 3):
            return try node(
                position, .bind(try variable(arguments[0]), arguments[1], arguments[2]),
                [arguments[1], arguments[2]])
        case ("cel", "block", 2): return try block(position, arguments[0], arguments[1])
        case ("cel", "index", 1):
            guard case .literal(.int(let index)) = arguments[0].kind, index >= 0 else {
                throw SourceError(position, "cel.index() takes a number that is written out")
            }
            return try node(position, .name("@index\(index)", isRooted: false), [])
        case ("cel", "iterVar", 2), ("cel", "accuVar", 2):
            guard case .literal(.int(let depth)) = arguments[0].kind,
                case .literal(.int(let index)) = arguments[1].kind
            else { throw SourceError(position, "cel.\(name)() takes numbers that are written out") }
            return try node(position, .name("@\(name):\(depth):\(index)", isRooted: false), [])
        case ("math", "greatest", 1...), ("math", "least", 1...):
            // One after the other; of one only, the function with one argument.
            var result = arguments[0]
            for argument in arguments.dropFirst() {
                result = try node(
                    position, .call("math.\(name)", receiver: nil, [result, argument]), [result, argument])
            }
            return arguments.count > 1
                ? result : try node(position, .call("math.\(name)", receiver: nil, arguments), arguments)
        case ("proto", "getExt", 2), ("proto", "hasExt", 2):
            guard let (field, _) = Self.qualifiedName(arguments[1]) else {
                throw SourceError(arguments[1].position, "proto.\(name)() takes the name of an extension")
            }
            let kind: Expression.Kind =
                name == "getExt"
                ? .select(arguments[0], field, isOptional: false) : .has(arguments[0], field)
            return try node(position, kind, [arguments[0]])
        default: return nil
        }
    }

    private func block(_ position: Int, _ values: Expression, _ body: Expression) throws(SourceError) -> Expression {
        guard case .list(let elements) = values.kind else {
            throw SourceError(values.position, "cel.block() takes a list that is written out")
        }
        var result = body
        for (index, element) in elements.enumerated().reversed() {
            result = try node(position, .bind("@index\(index)", element.value, result), [element.value, result])
        }
        return result
    }
}
