// SPDX-License-Identifier: Apache-2.0
internal import SwiftProtobuf

extension DescriptorPool {
    /// Reads descriptors.
    struct Builder {
        /// Message types by their full names: where they are among `messages`.
        var indices: [String: Int] = [:]
        var messages: [Int: MessageType] = [:]
        var constants: [String: Int64] = [:]
        var extensions: [String: Field] = [:]
        /// The constant that an enum begins with: what its fields read as when they are not set.
        var first: [String: Int64] = [:]
        /// Messages in messages; protoc itself refuses far less.
        static let maximumDepth = 64
    }
}

extension DescriptorPool.Builder {
    /// The names that fields refer to.
    mutating func names(of file: Google_Protobuf_FileDescriptorProto) {
        let scope = file.package
        for descriptor in file.enumType { add(descriptor, in: scope) }
        for descriptor in file.messageType { names(of: descriptor, in: scope, depth: 0) }
    }

    private mutating func names(of message: Google_Protobuf_DescriptorProto, in scope: String, depth: Int) {
        guard depth < Self.maximumDepth else { return }
        let name = Self.join(scope, message.name)
        if indices[name] == nil { indices[name] = indices.count }
        for descriptor in message.enumType { add(descriptor, in: name) }
        for descriptor in message.nestedType { names(of: descriptor, in: name, depth: depth + 1) }
    }

    private mutating func add(_ descriptor: Google_Protobuf_EnumDescriptorProto, in scope: String) {
        let name = Self.join(scope, descriptor.name)
        for value in descriptor.value { constants["\(name).\(value.name)"] = Int64(value.number) }
        first[name] = descriptor.value.first.map { Int64($0.number) }
    }

    mutating func messages(of file: Google_Protobuf_FileDescriptorProto) {
        let presence = file.syntax != "proto3"
        for descriptor in file.messageType { add(descriptor, in: file.package, presence: presence, depth: 0) }
        for field in file.extension { addExtension(field, in: file.package) }
    }

    private mutating func add(
        _ descriptor: Google_Protobuf_DescriptorProto, in scope: String, presence: Bool, depth: Int
    ) {
        let name = Self.join(scope, descriptor.name)
        guard depth < Self.maximumDepth, let index = indices[name] else { return }
        let fields = descriptor.field.map { field in
            var oneof: String?
            var siblings: [Int] = []
            if field.hasOneofIndex, descriptor.oneofDecl.indices.contains(Int(field.oneofIndex)) {
                oneof = descriptor.oneofDecl[Int(field.oneofIndex)].name
                siblings = descriptor.field.filter { $0.hasOneofIndex && $0.oneofIndex == field.oneofIndex }
                    .map { Int($0.number) }.filter { $0 != Int(field.number) }
            }
            return self.field(
                field, presence: presence, oneof: oneof, siblings: siblings, owner: name, name: field.name)
        }
        messages[index] = MessageType(
            name: name, index: index, fields: fields, isMapEntry: descriptor.options.mapEntry)
        for nested in descriptor.nestedType { add(nested, in: name, presence: presence, depth: depth + 1) }
        for field in descriptor.extension { addExtension(field, in: name) }
    }

    private mutating func addExtension(_ descriptor: Google_Protobuf_FieldDescriptorProto, in scope: String) {
        let name = Self.join(scope, descriptor.name)
        extensions[name] = field(
            descriptor, presence: true, oneof: nil, siblings: [], owner: Self.absolute(descriptor.extendee), name: name)
    }

    private func field(
        _ descriptor: Google_Protobuf_FieldDescriptorProto, presence: Bool, oneof: String?, siblings: [Int],
        owner: String, name: String
    ) -> Field {
        let kind = Self.kind(descriptor)
        let isRepeated = descriptor.label == .repeated
        let message: String? =
            switch kind {
            case .message, .group: Self.absolute(descriptor.typeName)
            default: nil
            }
        return Field(
            name: name, number: Int(descriptor.number), kind: kind, message: message.flatMap { indices[$0] },
            isRepeated: isRepeated,
            hasPresence: !isRepeated && (presence || message != nil || descriptor.hasOneofIndex),
            defaultValue: defaultValue(descriptor.defaultValue, kind), oneof: oneof, siblings: siblings,
            owner: indices[owner])
    }

    private static func kind(_ descriptor: Google_Protobuf_FieldDescriptorProto) -> Field.Kind {
        switch descriptor.type {
        case .double: .double
        case .float: .float
        case .int64: .int64
        case .uint64: .uint64
        case .int32: .int32
        case .fixed64: .fixed64
        case .fixed32: .fixed32
        case .bool: .bool
        case .string: .string
        case .group: .group
        case .message: .message
        case .bytes: .bytes
        case .uint32: .uint32
        case .enum: .enumeration(absolute(descriptor.typeName))
        case .sfixed32: .sfixed32
        case .sfixed64: .sfixed64
        case .sint32: .sint32
        case .sint64: .sint64
        }
    }

    /// What a field that is not set reads as. `text` is the descriptor's default, empty where it names none.
    private func defaultValue(_ text: String, _ kind: Field.Kind) -> Value {
        switch kind {
        case .double, .float: .double(Double(text) ?? 0)
        case .int32, .int64, .sint32, .sint64, .sfixed32, .sfixed64: .int(Int64(text) ?? 0)
        case .uint32, .uint64, .fixed32, .fixed64: .uint(UInt64(text) ?? 0)
        case .bool: .bool(text == "true")
        case .string: .string(ByteString(text))
        case .bytes: .bytes(Literal.unescapedDefault(text))
        case .enumeration("google.protobuf.NullValue"): .null
        case .enumeration(let name):
            .int((text.isEmpty ? first[name] : constants["\(name).\(text)"]) ?? 0)
        case .message, .group: .null
        }
    }

    private static func join(_ scope: String, _ name: String) -> String { scope.isEmpty ? name : "\(scope).\(name)" }
    /// Descriptors name types with a leading dot.
    private static func absolute(_ name: String) -> String { name.hasPrefix(".") ? String(name.dropFirst()) : name }
}
