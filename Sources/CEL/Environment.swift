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

    /// The variables for the members of a message's oneof: each is named as the field is, and is of its type.
    package static func variables(
        ofOneof oneof: String, in message: String, descriptors: Google_Protobuf_FileDescriptorSet
    ) -> [Variable] {
        for file in descriptors.file {
            for descriptor in file.messageType where "\(file.package).\(descriptor.name)" == message {
                guard let index = descriptor.oneofDecl.firstIndex(where: { $0.name == oneof }) else { continue }
                return descriptor.field.filter {
                    $0.hasOneofIndex && $0.oneofIndex == Int32(index) && $0.type == .message
                }
                .map { Variable($0.name, .message(String($0.typeName.drop { $0 == "." }))) }
            }
        }
        return []
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
        case .message(let name), .group(let name): pool.message(name).map(type(of:)) ?? .dyn
        }
    }
}
