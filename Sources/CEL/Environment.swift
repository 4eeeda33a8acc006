// SPDX-License-Identifier: Apache-2.0
package import SwiftProtobuf

/// What expressions may speak of: message types, variables and functions. Made once, used from any thread.
package struct Environment: Sendable {
    /// A variable of expressions.
    package struct Variable: Sendable {
        package let name: String
        package let type: ValueType

        package init(_ name: String, _ type: ValueType) {
            self.name = name
            self.type = type
        }
    }

    package let pool: DescriptorPool
    /// The package in which names are looked up first; may be empty.
    package let container: String
    package let variables: [Variable]
    package var limits: Limits
    let library: Library
    private let indices: [String: Int]
    /// The type that the variables are members of; empty without one.
    private var message = ""
    /// By the numbers of the oneof's fields.
    private var members: [Int: (variable: Int, type: MessageType)] = [:]

    package init(
        descriptors: Google_Protobuf_FileDescriptorSet, container: String = "", variables: [Variable] = [],
        limits: Limits = Limits()
    ) {
        self.init(
            pool: DescriptorPool(descriptors), container: container, variables: variables, limits: limits,
            library: .standard)
    }

    init(pool: DescriptorPool, container: String, variables: [Variable], limits: Limits, library: Library) {
        self.pool = pool
        self.container = container
        self.variables = variables
        self.limits = limits
        self.library = library
        indices = Dictionary(variables.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// An environment for expressions over the messages of a type, of which one member of a oneof is set: each member
    /// is a variable, by the field's name and of its type.
    ///
    /// - Parameters:
    ///   - message: The type's full name. Names are looked up in its package first.
    package init(
        descriptors: Google_Protobuf_FileDescriptorSet, message: String, oneof: String, limits: Limits = Limits()
    ) {
        let pool = DescriptorPool(descriptors)
        let fields = pool.message(message)?.fields.filter { $0.oneof == oneof } ?? []
        let members = fields.compactMap { field in pool.type(of: field).map { (field, $0) } }
        let container = message.lastIndex(of: ".").map { String(message[..<$0]) } ?? ""
        self.init(
            pool: pool, container: container, variables: members.map { Variable($0.name, .message($1.name)) },
            limits: limits, library: .standard)
        self.message = message
        self.members = Dictionary(
            members.enumerated().map { ($1.0.number, (variable: $0, type: $1.1)) },
            uniquingKeysWith: { first, _ in first })
    }

    /// The variable that an encoded message of the type has a value for, and that: what programs are evaluated on. Nil
    /// when none is set. Copies nothing.
    ///
    /// - Throws: ``EvaluationError/malformedMessage(_:)``
    package func activation(of encoded: ByteString) throws(EvaluationError) -> Activation? {
        var reader = WireReader(encoded)
        var found: Activation?
        do throws(WireReader.Malformed) {
            while let (number, payload) = try reader.next() {
                guard let member = members[number] else { continue }
                guard let range = payload.contents else { throw WireReader.Malformed() }
                let bytes = ByteString(encoded.storage, range)
                found = .only(
                    variable: member.variable, .message(MessageValue(type: member.type, bytes: bytes, pool: pool)))
            }
        } catch {
            throw .malformedMessage(message)
        }
        return found
    }

    /// The number by which a program names the variable.
    package func variableIndex(_ name: String) -> Int? { indices[name] }

    /// A message of one of the environment's types from its encoded bytes; nil for an unknown type.
    package func message(_ type: String, _ bytes: ByteString) -> MessageValue? {
        pool.message(type).map { MessageValue(type: $0, bytes: bytes, pool: pool) }
    }

    /// Compiles an expression.
    ///
    /// - Parameter result: what its values must be; with `dyn` anything.
    package func compile(_ source: String, result: ValueType = .bool) throws(CompileError) -> Program {
        try compile(source, result: result, isChecked: true)
    }

    func compile(
        _ source: String, result: ValueType, isChecked: Bool, expandsMacros: Bool = true
    ) throws(CompileError) -> Program {
        let bytes = Array(source.utf8)
        do throws(SourceError) {
            let expression = try Parser.parse(bytes, limits: limits, expandsMacros: expandsMacros)
            var checker = Checker(self, isStrict: isChecked)
            let (node, type) = try checker.check(expression)
            try checker.require(result, type, 0, "the expression")
            return Program(
                source: source, type: checker.types.resolve(type, unboundAsDyn: true), variables: checker.mentioned,
                placeCount: checker.placeCount, limits: limits,
                body: try Compiler(environment: self).compile(node))
        } catch {
            throw error.located(in: bytes)
        }
    }
}

// MARK: Types

extension Environment {
    /// The types that have names without being messages.
    private static let simpleTypes: Set<String> = [
        "bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "type", "optional_type",
        "net.IP", "net.CIDR", "google.protobuf.Timestamp", "google.protobuf.Duration",
    ]

    func typeName(_ name: String) -> String? {
        if Self.simpleTypes.contains(name) { return name }
        return pool.message(name)?.name
    }

    /// The message type that a name stands for in the container.
    func messageType(_ name: String, isRooted: Bool) -> MessageType? {
        var container = isRooted ? "" : container[...]
        while !container.isEmpty {
            if let type = pool.message("\(container).\(name)") { return type }
            container = container[..<(container.lastIndex(of: ".") ?? container.startIndex)]
        }
        return pool.message(name)
    }

    /// What values of a message type are to the checker.
    func type(of message: MessageType) -> ValueType {
        switch message.conversion {
        case .none: .message(message.name)
        case .timestamp: .timestamp
        case .duration: .duration
        case .any, .value: .dyn
        case .structure: .map(.string, .dyn)
        case .listValue: .list(.dyn)
        case .wrapper(let type): .wrapper(type)
        }
    }

    func type(of field: Field) -> ValueType {
        if let (key, value) = pool.mapFields(of: field) { return .map(elementType(of: key), elementType(of: value)) }
        return field.isRepeated ? .list(elementType(of: field)) : elementType(of: field)
    }

    /// What a field may be set to. The constant of google.protobuf.NullValue is an int, the field's value is null.
    func assignableType(of field: Field) -> ValueType {
        if case .enumeration("google.protobuf.NullValue") = field.kind { return .dyn }
        return type(of: field)
    }

    private func elementType(of field: Field) -> ValueType {
        switch field.kind {
        case .double, .float: .double
        case .int32, .int64, .sint32, .sint64, .sfixed32, .sfixed64: .int
        case .enumeration(let name): name == "google.protobuf.NullValue" ? .null : .int
        case .uint32, .uint64, .fixed32, .fixed64: .uint
        case .bool: .bool
        case .string: .string
        case .bytes: .bytes
        case .message, .group: pool.type(of: field).map(type(of:)) ?? .dyn
        }
    }
}
