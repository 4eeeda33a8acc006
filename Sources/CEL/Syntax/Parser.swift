// SPDX-License-Identifier: Apache-2.0

/// Parses an expression by precedence climbing.
struct Parser {
    private var lexer: Lexer
    private let limits: Limits
    private(set) var token: Token = .end
    private(set) var position = 0
    private var depth = 0
    let expandsMacros: Bool

    /// The names that an expression may not use.
    static let reserved: Set<String> = [
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package",
        "namespace", "return", "var", "void", "while",
    ]
    private static let keywords: Set<String> = ["true", "false", "null", "in"]

    static func parse(
        _ source: [UInt8], limits: Limits, expandsMacros: Bool = true
    ) throws(SourceError) -> Expression {
        guard source.count <= limits.sourceSize else {
            throw SourceError(0, "the expression is longer than \(limits.sourceSize) bytes")
        }
        guard String(validating: source, as: UTF8.self) != nil else {
            throw SourceError(0, "the expression is no UTF-8")
        }
        var parser = Parser(source, limits, expandsMacros)
        try parser.advance()
        let expression = try parser.expression()
        guard parser.token == .end else { throw parser.unexpected("an operator or the end") }
        return expression
    }

    private init(_ source: [UInt8], _ limits: Limits, _ expandsMacros: Bool) {
        lexer = Lexer(source)
        self.limits = limits
        self.expandsMacros = expandsMacros
    }

    // MARK: Tokens

    private mutating func advance() throws(SourceError) { (token, position) = try lexer.next() }

    private mutating func accept(_ symbol: String) throws(SourceError) -> Bool {
        guard token == .symbol(symbol) else { return false }
        try advance()
        return true
    }

    private mutating func expect(_ symbol: String) throws(SourceError) {
        guard try accept(symbol) else { throw unexpected("'\(symbol)'") }
    }

    private func unexpected(_ wanted: String) -> SourceError {
        let found =
            switch token {
            case .name(let name), .quotedName(let name): "'\(name)'"
            case .symbol(let symbol): "'\(symbol)'"
            case .end: "the end of the expression"
            case .int, .uint, .double: "a number"
            case .string, .bytes: "a string"
            }
        return SourceError(position, "\(found) stands where \(wanted) is expected")
    }

    // MARK: Nodes

    /// Makes a node; `children` are all that it has.
    func node(_ position: Int, _ kind: Expression.Kind, _ children: [Expression?]) throws(SourceError) -> Expression {
        let height = children.reduce(0) { max($0, $1?.height ?? 0) } + 1
        guard height <= limits.depth else { throw tooDeep(position) }
        return Expression(position: position, height: height, kind: kind)
    }

    private func tooDeep(_ position: Int) -> SourceError {
        SourceError(position, "the expression is more than \(limits.depth) levels deep")
    }

    private mutating func nested<Result>(
        _ body: (inout Parser) throws(SourceError) -> Result
    ) throws(SourceError) -> Result {
        depth += 1
        defer { depth -= 1 }
        guard depth <= limits.depth else { throw tooDeep(position) }
        return try body(&self)
    }

    // MARK: Operators

    private mutating func expression() throws(SourceError) -> Expression {
        try nested { parser throws(SourceError) in
            let condition = try parser.logical("||", isAnd: false)
            let position = parser.position
            guard try parser.accept("?") else { return condition }
            let first = try parser.logical("||", isAnd: false)
            try parser.expect(":")
            let second = try parser.expression()
            return try parser.node(
                position, .conditional(condition, first, second), [condition, first, second])
        }
    }

    private mutating func logical(_ symbol: String, isAnd: Bool) throws(SourceError) -> Expression {
        let start = position
        var operands = [try isAnd ? binary(0) : logical("&&", isAnd: true)]
        while try accept(symbol) {
            operands.append(try isAnd ? binary(0) : logical("&&", isAnd: true))
        }
        return operands.count == 1 ? operands[0] : try node(start, .logical(isAnd: isAnd, operands), operands)
    }

    /// From the loosest to the tightest.
    private static let levels: [[String]] = [
        ["<", "<=", ">", ">=", "==", "!=", "in"], ["+", "-"], ["*", "/", "%"],
    ]

    /// Operators of this level and of tighter ones.
    private mutating func binary(_ loosest: Int) throws(SourceError) -> Expression {
        var left = try unary()
        while let symbol = operatorName, let level = Self.levels.firstIndex(where: { $0.contains(symbol) }),
            level >= loosest
        {
            let position = position
            try advance()
            let right = try binary(level + 1)
            let name = symbol == "in" ? "@in" : "_\(symbol)_"
            left = try node(position, .call(name, receiver: nil, [left, right]), [left, right])
        }
        return left
    }

    private var operatorName: String? {
        switch token {
        case .symbol(let symbol): symbol
        case .name("in"): "in"
        default: nil
        }
    }

    private mutating func unary() throws(SourceError) -> Expression {
        let start = position
        for symbol in ["!", "-"] where token == .symbol(symbol) {
            var count = 0
            var last = position
            while token == .symbol(symbol) {
                count += 1
                last = position
                try advance()
            }
            var operand: Expression
            if symbol == "-", let literal = try negativeLiteral(last) {
                operand = literal
                count -= 1
            } else {
                operand = try member()
            }
            // Two are as good as any even number; none would let a wrong operand pass.
            for _ in 0..<(count == 0 ? 0 : 2 - count % 2) {
                operand = try node(start, .call(symbol == "!" ? "!_" : "-_", receiver: nil, [operand]), [operand])
            }
            return operand
        }
        return try member()
    }

    /// The sign belongs to a number right behind it: the lowest int has no positive counterpart.
    private mutating func negativeLiteral(_ position: Int) throws(SourceError) -> Expression? {
        let value: Value
        switch token {
        case .int(let magnitude):
            guard magnitude <= UInt64(Int64.max) + 1 else { throw outOfRange(position) }
            value = .int(Int64(truncatingIfNeeded: 0 &- magnitude))
        case .double(let magnitude): value = .double(-magnitude)
        default: return nil
        }
        try advance()
        return try members(of: node(position, .literal(value), []))
    }

    private func outOfRange(_ position: Int) -> SourceError {
        SourceError(position, "the number is out of the range of an int")
    }

    // MARK: Members

    private mutating func member() throws(SourceError) -> Expression { try members(of: primary()) }

    private mutating func members(of operand: Expression) throws(SourceError) -> Expression {
        var operand = operand
        while true {
            let position = position
            if try accept(".") {
                let isOptional = try accept("?")
                let (name, isQuoted) = try selector()
                if !isOptional, !isQuoted, try accept("(") {
                    let arguments = try arguments()
                    operand = try call(position, name, operand, arguments)
                } else {
                    operand = try node(position, .select(operand, name, isOptional: isOptional), [operand])
                }
            } else if try accept("[") {
                let isOptional = try accept("?")
                let index = try expression()
                try expect("]")
                operand = try node(position, .index(operand, index, isOptional: isOptional), [operand, index])
            } else if token == .symbol("{"), let (name, isRooted) = Self.qualifiedName(operand) {
                try advance()
                operand = try message(operand.position, name, isRooted)
            } else {
                return operand
            }
        }
    }

    private mutating func selector() throws(SourceError) -> (name: String, isQuoted: Bool) {
        switch token {
        case .name(let name) where !Self.keywords.contains(name):
            try advance()
            return (name, false)
        case .quotedName(let name):
            try advance()
            return (name, true)
        default: throw unexpected("the name of a field or function")
        }
    }

    /// The names in a row of selections, joined by dots.
    static func qualifiedName(_ expression: Expression) -> (name: String, isRooted: Bool)? {
        var parts: [String] = []
        var expression = expression
        while case .select(let operand, let name, isOptional: false) = expression.kind {
            parts.append(name)
            expression = operand
        }
        guard case .name(let name, let isRooted) = expression.kind else { return nil }
        parts.append(name)
        return (parts.reversed().joined(separator: "."), isRooted)
    }

    // MARK: Primaries

    private mutating func primary() throws(SourceError) -> Expression {
        let start = position
        switch token {
        case .int(let value):
            guard let value = Int64(exactly: value) else { throw outOfRange(start) }
            return try literal(.int(value))
        case .uint(let value): return try literal(.uint(value))
        case .double(let value): return try literal(.double(value))
        case .string(let value): return try literal(.string(value))
        case .bytes(let value): return try literal(.bytes(value))
        case .name("true"): return try literal(.bool(true))
        case .name("false"): return try literal(.bool(false))
        case .name("null"): return try literal(.null)
        case .name(let name) where !Self.keywords.contains(name): return try self.name(start, name, isRooted: false)
        case .symbol("."):
            try advance()
            guard case .name(let name) = token, !Self.keywords.contains(name) else { throw unexpected("a name") }
            return try self.name(start, name, isRooted: true)
        case .symbol("("):
            try advance()
            let inner = try expression()
            try expect(")")
            return inner
        case .symbol("["):
            try advance()
            return try list(start)
        case .symbol("{"):
            try advance()
            return try map(start)
        default: throw unexpected("a value")
        }
    }

    private mutating func literal(_ value: Value) throws(SourceError) -> Expression {
        let start = position
        try advance()
        return try node(start, .literal(value), [])
    }

    private mutating func name(_ start: Int, _ name: String, isRooted: Bool) throws(SourceError) -> Expression {
        guard !Self.reserved.contains(name) else {
            throw SourceError(position, "'\(name)' is reserved and cannot be used as a name")
        }
        try advance()
        guard try accept("(") else { return try node(start, .name(name, isRooted: isRooted), []) }
        let arguments = try arguments()
        return try call(start, isRooted ? "." + name : name, nil, arguments)
    }

    private mutating func arguments() throws(SourceError) -> [Expression] {
        var arguments: [Expression] = []
        if try accept(")") { return arguments }
        repeat { arguments.append(try expression()) } while try accept(",")
        try expect(")")
        return arguments
    }

    private func call(
        _ position: Int, _ name: String, _ receiver: Expression?, _ arguments: [Expression]
    ) throws(SourceError) -> Expression {
        if expandsMacros, let expanded = try macro(position, name, receiver, arguments) { return expanded }
        return try node(position, .call(name, receiver: receiver, arguments), [receiver] + arguments)
    }

    // MARK: Aggregates

    /// Reads what stands between the opening bracket and `end`; a comma may stand before that.
    private mutating func items(
        until end: String, _ item: (inout Parser) throws(SourceError) -> Void
    ) throws(SourceError) {
        while token != .symbol(end) {
            try item(&self)
            guard try accept(",") else { break }
        }
        try expect(end)
    }

    private mutating func list(_ start: Int) throws(SourceError) -> Expression {
        var elements: [Expression.Element] = []
        try items(until: "]") { parser throws(SourceError) in
            let isOptional = try parser.accept("?")
            elements.append(Expression.Element(value: try parser.expression(), isOptional: isOptional))
        }
        return try node(start, .list(elements), elements.map(\.value))
    }

    private mutating func map(_ start: Int) throws(SourceError) -> Expression {
        var entries: [Expression.Entry] = []
        try items(until: "}") { parser throws(SourceError) in
            let isOptional = try parser.accept("?")
            let key = try parser.expression()
            try parser.expect(":")
            entries.append(Expression.Entry(key: key, value: try parser.expression(), isOptional: isOptional))
        }
        return try node(start, .map(entries), entries.flatMap { [$0.key, $0.value] })
    }

    private mutating func message(_ start: Int, _ name: String, _ isRooted: Bool) throws(SourceError) -> Expression {
        var fields: [Expression.Assignment] = []
        try items(until: "}") { parser throws(SourceError) in
            let isOptional = try parser.accept("?")
            let position = parser.position
            let (field, _) = try parser.selector()
            try parser.expect(":")
            fields.append(
                Expression.Assignment(
                    field: field, value: try parser.expression(), isOptional: isOptional, position: position))
        }
        return try node(start, .message(name, isRooted: isRooted, fields), fields.map(\.value))
    }
}
