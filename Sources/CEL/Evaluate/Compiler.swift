// SPDX-License-Identifier: Apache-2.0
internal import RE2

/// Makes closures of a checked expression: what can be known before is not looked up again.
struct Compiler {
    typealias Body = Program.Body

    let environment: Environment
    private let spent: Spent

    /// What compiling has taken of the bounds.
    private final class Spent {
        var patterns = 0
        var cost = 0
    }

    init(environment: Environment) {
        self.environment = environment
        spent = Spent()
    }

    func compile(_ node: Node) throws(SourceError) -> Body {
        switch node {
        case .constant(let value): return { frame throws(EvaluationError) in value }
        case .variable(let index): return variable(index)
        case .local(let place): return { frame throws(EvaluationError) in frame.places[place] }
        case .failure(let error): return { frame throws(EvaluationError) in throw error }
        case .select(let operand, let selector, let isOptional):
            let operand = try compile(operand)
            let pool = environment.pool
            if isOptional {
                return { frame throws(EvaluationError) in
                    try frame.charge()
                    return try Selection.optional(try operand(&frame), selector, pool, &frame)
                }
            }
            return { frame throws(EvaluationError) in
                try frame.charge()
                return try Selection.value(try operand(&frame), selector, pool, &frame)
            }
        case .has(let operand, let selector):
            let operand = try compile(operand)
            let pool = environment.pool
            return { frame throws(EvaluationError) in
                try frame.charge()
                return .bool(try Selection.has(try operand(&frame), selector, pool, &frame))
            }
        case .index(let operand, let index, let isOptional):
            let operand = try compile(operand)
            let index = try compile(index)
            return { frame throws(EvaluationError) in
                try frame.charge()
                let container = try operand(&frame)
                let key = try index(&frame)
                return isOptional
                    ? try Selection.optionalElement(container, key) : try Selection.element(container, key)
            }
        case .call(let function, let arguments): return try call(function, arguments)
        case .conditional(let condition, let first, let second):
            return try conditional(compile(condition), compile(first), compile(second))
        case .logical(let isAnd, let operands): return try logical(isAnd, operands)
        case .list(let elements): return try list(elements)
        case .map(let entries): return try map(entries)
        case .message(let type, let fields):
            guard environment.limits.makesMessages else { throw SourceError(0, "messages cannot be made here") }
            return try message(type, fields)
        case .comprehension(let kind, let range, let places, let filter, let body):
            return Loop(
                kind: kind, range: try compile(range), places: places, filter: try filter.map(compile),
                step: try compile(body)
            ).body
        case .bind(let place, let value, let body):
            let value = try compile(value)
            let body = try compile(body)
            return { frame throws(EvaluationError) in
                frame.places[place] = try value(&frame)
                return try body(&frame)
            }
        case .optionalMap(let target, let place, let body, let isFlat):
            return try optionalMap(compile(target), place, compile(body), isFlat)
        }
    }

    private func variable(_ index: Int) -> Body {
        let name = environment.variables[index].name
        var unset: Value?
        if case .message(let type) = environment.variables[index].type {
            unset = environment.message(type, .empty).map(Value.message)
        }
        return { [unset] frame throws(EvaluationError) in
            switch frame.activation {
            case .only(let variable, let value):
                if variable == index { return value }
                guard let unset else { throw .unknownVariable(name) }
                return unset
            case .all(let values):
                guard index < values.count, let value = values[index] else { throw .unknownVariable(name) }
                return value
            }
        }
    }

    // MARK: Calls

    private func call(_ function: Function, _ arguments: [Node]) throws(SourceError) -> Body {
        if let special = try precompiled(function, arguments) { return special }
        guard function.name != "matches" || environment.limits.makesPatterns else {
            throw SourceError(0, "a pattern must be written out here: matches() takes a literal")
        }
        var bodies: [Body] = []
        for argument in arguments { bodies.append(try compile(argument)) }
        let body = Self.call(function, bodies)
        // What is the same for every event is computed once. An error stays one, to be passed over or not.
        guard arguments.allSatisfy({ $0.constant != nil }) else { return body }
        var frame = Frame(
            activation: .all([]), placeCount: 0, limit: max(0, environment.limits.cost / 10 - spent.cost))
        defer { spent.cost += frame.cost }
        do throws(EvaluationError) {
            let value = try body(&frame)
            return { frame throws(EvaluationError) in value }
        } catch {
            if case .tooExpensive = error { return body }
            return { [error] frame throws(EvaluationError) in throw error }
        }
    }

    private static func call(_ function: Function, _ arguments: [Body]) -> Body {
        switch function.body {
        case .unary(let apply):
            let argument = arguments[0]
            return { frame throws(EvaluationError) in
                try frame.charge()
                return try apply(try argument(&frame), &frame)
            }
        case .binary(let apply):
            let (first, second) = (arguments[0], arguments[1])
            return { frame throws(EvaluationError) in
                try frame.charge()
                let left = try first(&frame)
                let right = try second(&frame)
                return try apply(left, right, &frame)
            }
        case .ternary(let apply):
            let (first, second, third) = (arguments[0], arguments[1], arguments[2])
            return { frame throws(EvaluationError) in
                try frame.charge()
                let a = try first(&frame)
                let b = try second(&frame)
                let c = try third(&frame)
                return try apply(a, b, c, &frame)
            }
        case .many(let apply):
            return { frame throws(EvaluationError) in
                try frame.charge()
                var values: [Value] = []
                values.reserveCapacity(arguments.count)
                for argument in arguments { values.append(try argument(&frame)) }
                return try apply(values, &frame)
            }
        }
    }

    /// Calls of which a constant argument can be prepared: regular expressions, and long lists that are searched.
    private func precompiled(_ function: Function, _ arguments: [Node]) throws(SourceError) -> Body? {
        guard arguments.count == 2, let constant = arguments[1].constant else { return nil }
        switch (function.name, constant) {
        case ("matches", .string(let pattern)):
            let text = try compile(arguments[0])
            let limit = environment.limits.patterns
            guard spent.patterns < limit else {
                throw SourceError(0, "the expression has more than \(limit) regular expressions")
            }
            spent.patterns += 1
            let expression: RegularExpression
            do throws(EvaluationError) {
                expression = try Patterns.compile(pattern, environment.limits)
            } catch {
                // It would never match: whoever wrote it hears of it now.
                throw SourceError(0, "\(error)")
            }
            return { frame throws(EvaluationError) in
                try Patterns.matches(try text(&frame), expression, &frame)
            }
        case ("@in", .list(let elements)) where elements.count > 4:
            var strings: Set<ByteString> = []
            for element in elements {
                guard case .string(let text) = element else { return nil }
                strings.insert(text)
            }
            let sought = try compile(arguments[0])
            return { [strings] frame throws(EvaluationError) in
                try frame.charge()
                guard case .string(let text) = try sought(&frame) else { return .bool(false) }
                try frame.charge(bytes: text.count)
                return .bool(strings.contains(text))
            }
        default: return nil
        }
    }

    // MARK: Logic

    private func conditional(_ condition: @escaping Body, _ first: @escaping Body, _ second: @escaping Body) -> Body {
        { frame throws(EvaluationError) in
            try frame.charge()
            guard case .bool(let value) = try condition(&frame) else { throw .noSuchOverload("_?_:_") }
            return value ? try first(&frame) : try second(&frame)
        }
    }

    /// One operand may decide although another has no value.
    private func logical(_ isAnd: Bool, _ operands: [Node]) throws(SourceError) -> Body {
        var bodies: [Body] = []
        for operand in operands { bodies.append(try compile(operand)) }
        return { [bodies] frame throws(EvaluationError) in
            var failure: EvaluationError?
            for body in bodies {
                try frame.charge()
                do throws(EvaluationError) {
                    guard case .bool(let value) = try body(&frame) else {
                        throw .noSuchOverload(isAnd ? "_&&_" : "_||_")
                    }
                    if value != isAnd { return .bool(!isAnd) }
                } catch {
                    if case .tooExpensive = error { throw error }
                    failure = failure ?? error
                }
            }
            if let failure { throw failure }
            return .bool(isAnd)
        }
    }

    private func optionalMap(
        _ target: @escaping Body, _ place: Int, _ body: @escaping Body, _ isFlat: Bool
    ) -> Body {
        { frame throws(EvaluationError) in
            try frame.charge()
            guard case .optional(let held) = try target(&frame) else { throw .noSuchOverload("optMap") }
            guard let held else { return .optional(nil) }
            frame.places[place] = held
            let value = try body(&frame)
            if isFlat {
                guard case .optional = value else { throw .noSuchOverload("optFlatMap") }
                return value
            }
            return .optional(value)
        }
    }

    // MARK: Aggregates

    /// What an optional element adds: nothing, where it holds nothing.
    private static func held(_ value: Value, _ isOptional: Bool) throws(EvaluationError) -> Value? {
        guard isOptional else { return value }
        guard case .optional(let held) = value else { throw .noSuchOverload("?_") }
        return held
    }

    private func list(_ elements: [(value: Node, isOptional: Bool)]) throws(SourceError) -> Body {
        var bodies: [(Body, Bool)] = []
        for element in elements { bodies.append((try compile(element.value), element.isOptional)) }
        return { [bodies] frame throws(EvaluationError) in
            var values: [Value] = []
            values.reserveCapacity(bodies.count)
            for (body, isOptional) in bodies {
                try frame.charge()
                if let value = try Self.held(try body(&frame), isOptional) { values.append(value) }
            }
            return .list(values)
        }
    }

    private func map(_ entries: [(key: Node, value: Node, isOptional: Bool)]) throws(SourceError) -> Body {
        var bodies: [(Body, Body, Bool)] = []
        for entry in entries { bodies.append((try compile(entry.key), try compile(entry.value), entry.isOptional)) }
        return { [bodies] frame throws(EvaluationError) in
            var map = MapBuilder()
            for (key, value, isOptional) in bodies {
                try frame.charge()
                let key = try key(&frame)
                if let value = try Self.held(try value(&frame), isOptional) { try map.insert(key, value) }
            }
            return .map(map.value)
        }
    }

    private func message(
        _ type: MessageType, _ fields: [(field: Field, value: Node, isOptional: Bool)]
    ) throws(SourceError) -> Body {
        var bodies: [(Field, Body, Bool)] = []
        for field in fields { bodies.append((field.field, try compile(field.value), field.isOptional)) }
        let pool = environment.pool
        return { [bodies] frame throws(EvaluationError) in
            var builder = MessageBuilder(type: type, pool: pool)
            for (field, body, isOptional) in bodies {
                try frame.charge()
                if let value = try Self.held(try body(&frame), isOptional) { try builder.set(field, value) }
            }
            try frame.charge(bytes: builder.size)
            return try builder.message.converted()
        }
    }
}
