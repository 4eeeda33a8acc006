// SPDX-License-Identifier: Apache-2.0

/// Fields of messages, keys of maps, elements of lists.
enum Selection {
    /// A message's field: known before where the message's type was.
    private static func field(
        _ message: MessageValue, _ selector: Selector, _ pool: DescriptorPool
    ) throws(EvaluationError) -> Field {
        if let field = selector.field, field.owner == message.type.index { return field }
        guard let field = pool.field(selector.name, of: message.type) else { throw .noSuchField(selector.name) }
        return field
    }

    /// Looks through the whole message, and makes a list of a repeated field.
    private static func read(
        _ message: MessageValue, _ field: Field, _ frame: inout Frame
    ) throws(EvaluationError) -> Value {
        try frame.charge(message.bytes.count >> 6)
        let value = try message.read(field)
        switch value {
        case .list(let elements): try frame.charge(elements.count)
        case .map(let map): try frame.charge(map.count * 2)
        default: break
        }
        return value
    }

    /// `a.b`
    static func value(
        _ operand: Value, _ selector: Selector, _ pool: DescriptorPool, _ frame: inout Frame
    ) throws(EvaluationError) -> Value {
        switch operand {
        case .message(let message): return try read(message, try field(message, selector, pool), &frame)
        case .map(let map):
            guard let value = map[selector.key] else { throw .noSuchKey }
            return value
        case .optional: return try optional(operand, selector, pool, &frame)
        default: throw .noSuchOverload("selecting \(selector.name)")
        }
    }

    /// `a.?b`
    static func optional(
        _ operand: Value, _ selector: Selector, _ pool: DescriptorPool, _ frame: inout Frame
    ) throws(EvaluationError) -> Value {
        switch operand {
        case .message(let message):
            let field = try field(message, selector, pool)
            return .optional(try message.has(field) ? try read(message, field, &frame) : nil)
        case .map(let map): return .optional(map[selector.key])
        case .optional(let held):
            guard let held else { return operand }
            return try optional(held, selector, pool, &frame)
        default: throw .noSuchOverload("selecting \(selector.name)")
        }
    }

    /// `has(a.b)`
    static func has(
        _ operand: Value, _ selector: Selector, _ pool: DescriptorPool, _ frame: inout Frame
    ) throws(EvaluationError) -> Bool {
        switch operand {
        case .message(let message):
            try frame.charge(message.bytes.count >> 6)
            return try message.has(try field(message, selector, pool))
        case .map(let map): return map[selector.key] != nil
        case .optional(let held):
            guard let held else { return false }
            return try has(held, selector, pool, &frame)
        default: throw .noSuchOverload("has")
        }
    }

    /// `a[b]`
    static func element(_ container: Value, _ key: Value) throws(EvaluationError) -> Value {
        switch container {
        case .list(let elements):
            let index = try index(key)
            guard index >= 0, index < Int64(elements.count) else {
                throw .outOfRange(index: index, count: elements.count)
            }
            return elements[Int(index)]
        case .map(let map):
            if let value = map[key] { return value }
            guard MapKey(key) != nil || key.isNumber else { throw .unsupportedKey(key.typeName) }
            throw .noSuchKey
        case .optional: return try optionalElement(container, key)
        default: throw .noSuchOverload("_[_]")
        }
    }

    /// `a[?b]`
    static func optionalElement(_ container: Value, _ key: Value) throws(EvaluationError) -> Value {
        switch container {
        case .list(let elements):
            let index = try index(key)
            return .optional(index >= 0 && index < Int64(elements.count) ? elements[Int(index)] : nil)
        case .map(let map): return .optional(map[key])
        case .optional(let held):
            guard let held else { return container }
            return try optionalElement(held, key)
        default: throw .noSuchOverload("_[?_]")
        }
    }

    /// A number that is whole.
    private static func index(_ key: Value) throws(EvaluationError) -> Int64 {
        guard case .int(let index) = MapKey(key) else {
            throw .invalidArgument("the index of a list is a whole number")
        }
        return index
    }
}

extension Value {
    var isNumber: Bool {
        switch self {
        case .int, .uint, .double: true
        default: false
        }
    }
}
