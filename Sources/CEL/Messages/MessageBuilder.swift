// SPDX-License-Identifier: Apache-2.0

/// Encodes the message that an expression constructs.
struct MessageBuilder {
    let type: MessageType
    let pool: DescriptorPool
    private var writer = WireWriter()

    init(type: MessageType, pool: DescriptorPool) {
        self.type = type
        self.pool = pool
    }

    var message: MessageValue { MessageValue(type: type, bytes: ByteString(writer.bytes), pool: pool) }
    var size: Int { writer.bytes.count }

    /// Sets a field.
    mutating func set(_ field: Field, _ value: Value) throws(EvaluationError) {
        if let (keyField, valueField) = pool.mapFields(of: field) {
            guard case .map(let map) = value else { throw mismatch(field, value) }
            for entry in map.entries where !isDropped(valueField, entry.value) {
                guard let entryType = pool.type(of: field) else { throw mismatch(field, value) }
                var builder = MessageBuilder(type: entryType, pool: pool)
                try builder.write(keyField, entry.key)
                try builder.write(valueField, entry.value)
                writer.delimited(field.number, builder.writer.bytes)
            }
        } else if field.isRepeated {
            guard case .list(let elements) = value else { throw mismatch(field, value) }
            for element in elements where !isDropped(field, element) { try write(field, element) }
        } else {
            if isDropped(field, value) { return }
            // A field without presence is not set by its default.
            if !field.hasPresence, !field.isMessage, value.isZero, try scalar(field, value) != nil { return }
            try write(field, value)
        }
    }

    /// Null leaves a message unset, and out of a list or map, unless it is a value of the field.
    private func isDropped(_ field: Field, _ value: Value) -> Bool {
        guard case .null = value, let type = pool.type(of: field) else { return false }
        return switch type.conversion {
        case .value, .any, .structure, .listValue: false
        case .none: !field.isRepeated
        default: true
        }
    }

    private func mismatch(_ field: Field, _ value: Value) -> EvaluationError {
        .invalidArgument("the field \(field.name) of \(type.name) takes no value of type \(value.typeName)")
    }

    private mutating func write(_ field: Field, _ value: Value) throws(EvaluationError) {
        switch field.kind {
        case .message:
            guard let type = pool.type(of: field) else { throw mismatch(field, value) }
            guard let contents = try Self.contents(type, value, pool) else { throw mismatch(field, value) }
            writer.delimited(field.number, contents.bytes)
        case .group:
            guard case .message(let message) = value, message.type.index == field.message else {
                throw mismatch(field, value)
            }
            writer.tag(field.number, 3)
            writer.raw(message.bytes.bytes)
            writer.tag(field.number, 4)
        default:
            guard let payload = try scalar(field, value) else { throw mismatch(field, value) }
            switch payload {
            case .varint(let bits):
                writer.tag(field.number, 0)
                writer.varint(bits)
            case .fixed64(let bits):
                writer.tag(field.number, 1)
                writer.fixed64(bits)
            case .fixed32(let bits):
                writer.tag(field.number, 5)
                writer.fixed32(bits)
            case .text(let text): writer.delimited(field.number, text.bytes)
            }
        }
    }

    private enum Scalar {
        case varint(UInt64), fixed64(UInt64), fixed32(UInt32), text(ByteString)
    }

    /// Nil when the value is of another type.
    private func scalar(_ field: Field, _ value: Value) throws(EvaluationError) -> Scalar? {
        func int32(_ value: Int64) throws(EvaluationError) -> Int32 {
            guard let value = Int32(exactly: value) else { throw .overflow("field \(field.name)") }
            return value
        }
        func uint32(_ value: UInt64) throws(EvaluationError) -> UInt32 {
            guard let value = UInt32(exactly: value) else { throw .overflow("field \(field.name)") }
            return value
        }
        switch (field.kind, value) {
        case (.double, .double(let value)): return .fixed64(value.bitPattern)
        case (.float, .double(let value)): return .fixed32(Float(value).bitPattern)
        case (.enumeration("google.protobuf.NullValue"), .null): return .varint(0)
        case (.int32, .int(let value)), (.enumeration, .int(let value)):
            return .varint(UInt64(bitPattern: Int64(try int32(value))))
        case (.int64, .int(let value)): return .varint(UInt64(bitPattern: value))
        case (.uint32, .uint(let value)): return .varint(UInt64(try uint32(value)))
        case (.uint64, .uint(let value)): return .varint(value)
        case (.sint32, .int(let value)):
            let value = try int32(value)
            return .varint(UInt64(UInt32(bitPattern: value << 1 ^ value >> 31)))
        case (.sint64, .int(let value)): return .varint(UInt64(bitPattern: value << 1 ^ value >> 63))
        case (.fixed32, .uint(let value)): return .fixed32(try uint32(value))
        case (.fixed64, .uint(let value)): return .fixed64(value)
        case (.sfixed32, .int(let value)): return .fixed32(UInt32(bitPattern: try int32(value)))
        case (.sfixed64, .int(let value)): return .fixed64(UInt64(bitPattern: value))
        case (.bool, .bool(let value)): return .varint(value ? 1 : 0)
        case (.string, .string(let value)): return .text(value)
        case (.bytes, .bytes(let value)): return .text(value)
        default: return nil
        }
    }

    // MARK: Messages as values

    /// A value as the contents of a message of the type; nil when it is none of it.
    static func contents(
        _ type: MessageType, _ value: Value, _ pool: DescriptorPool
    ) throws(EvaluationError) -> ByteString? {
        if case .message(let message) = value, message.type.name == type.name { return message.bytes }
        switch (type.conversion, value) {
        case (.any, _): return try packed(value, pool)
        case (.value, _): return try JSON.value(value, pool)
        case (.structure, .map(let map)): return try JSON.structure(map, pool)
        case (.listValue, .list(let elements)): return try JSON.list(elements, pool)
        case (.timestamp, .timestamp(let timestamp)):
            return encoded(
                type, pool, ("seconds", .int(timestamp.seconds)), ("nanos", .int(Int64(timestamp.nanoseconds))))
        case (.duration, .duration(let span)):
            return encoded(
                type, pool, ("seconds", .int(span.nanoseconds / 1_000_000_000)),
                ("nanos", .int(span.nanoseconds % 1_000_000_000)))
        case (.wrapper, _):
            guard let field = type.field("value") else { return nil }
            var builder = MessageBuilder(type: type, pool: pool)
            guard try builder.scalar(field, value) != nil else { return nil }
            try builder.set(field, value)
            return ByteString(builder.writer.bytes)
        default: return nil
        }
    }

    private static func encoded(
        _ type: MessageType, _ pool: DescriptorPool, _ fields: (String, Value)...
    ) -> ByteString? {
        var builder = MessageBuilder(type: type, pool: pool)
        for (name, value) in fields {
            guard let field = type.field(name), (try? builder.set(field, value)) != nil else { return nil }
        }
        return ByteString(builder.writer.bytes)
    }

    private static func packed(_ value: Value, _ pool: DescriptorPool) throws(EvaluationError) -> ByteString? {
        let name: String
        switch value {
        case .message(let message): name = message.type.name
        case .null: name = "google.protobuf.Value"
        case .bool: name = "google.protobuf.BoolValue"
        case .int: name = "google.protobuf.Int64Value"
        case .uint: name = "google.protobuf.UInt64Value"
        case .double: name = "google.protobuf.DoubleValue"
        case .string: name = "google.protobuf.StringValue"
        case .bytes: name = "google.protobuf.BytesValue"
        case .timestamp: name = "google.protobuf.Timestamp"
        case .duration: name = "google.protobuf.Duration"
        case .list: name = "google.protobuf.ListValue"
        case .map: name = "google.protobuf.Struct"
        case .type, .optional, .ip, .cidr: return nil
        }
        guard let type = pool.message(name) else {
            throw .invalidArgument("a value cannot be put into an Any: the type \(name) is not known")
        }
        guard let contents = try contents(type, value, pool) else { return nil }
        var writer = WireWriter()
        writer.delimited(1, "type.googleapis.com/\(name)".utf8)
        if !contents.isEmpty { writer.delimited(2, contents.bytes) }
        return ByteString(writer.bytes)
    }
}

/// Values as google.protobuf.Value, Struct and ListValue: as JSON has them.
private enum JSON {
    static func value(_ value: Value, _ pool: DescriptorPool) throws(EvaluationError) -> ByteString? {
        var writer = WireWriter()
        switch value {
        case .null:
            writer.tag(1, 0)
            writer.varint(0)
        case .double(let number): write(number, to: &writer)
        case .int(let number):
            // What a double holds exactly; others are text.
            if number.magnitude < 1 << 53 {
                write(Double(number), to: &writer)
            } else {
                writer.delimited(3, "\(number)".utf8)
            }
        case .uint(let number):
            if number < 1 << 53 {
                write(Double(number), to: &writer)
            } else {
                writer.delimited(3, "\(number)".utf8)
            }
        case .string(let text): writer.delimited(3, text.bytes)
        case .bytes(let bytes): writer.delimited(3, Base64.encode(bytes).bytes)
        case .timestamp(let timestamp): writer.delimited(3, timestamp.description.utf8)
        case .duration(let span): writer.delimited(3, span.description.utf8)
        case .bool(let flag):
            writer.tag(4, 0)
            writer.varint(flag ? 1 : 0)
        case .map(let map): writer.delimited(5, try structure(map, pool).bytes)
        case .list(let elements): writer.delimited(6, try list(elements, pool).bytes)
        case .message(let message) where message.type.name == "google.protobuf.Empty": writer.delimited(5, [])
        case .message(let message) where message.type.name == "google.protobuf.FieldMask":
            guard let field = message.type.field("paths"), case .list(let paths) = try message.read(field) else {
                return nil
            }
            let text = paths.map { if case .string(let path) = $0 { camelCase(path.string) } else { "" } }
            writer.delimited(3, text.joined(separator: ",").utf8)
        case .message, .type, .optional, .ip, .cidr: return nil
        }
        return ByteString(writer.bytes)
    }

    static func structure(_ map: MapValue, _ pool: DescriptorPool) throws(EvaluationError) -> ByteString {
        var writer = WireWriter()
        for entry in map.entries {
            guard case .string(let key) = entry.key else {
                throw .invalidArgument("a google.protobuf.Struct has strings for keys, not \(entry.key.typeName)")
            }
            var field = WireWriter()
            field.delimited(1, key.bytes)
            field.delimited(2, try element(entry.value, pool).bytes)
            writer.delimited(1, field.bytes)
        }
        return ByteString(writer.bytes)
    }

    static func list(_ elements: [Value], _ pool: DescriptorPool) throws(EvaluationError) -> ByteString {
        var writer = WireWriter()
        for value in elements { writer.delimited(1, try element(value, pool).bytes) }
        return ByteString(writer.bytes)
    }

    private static func element(_ value: Value, _ pool: DescriptorPool) throws(EvaluationError) -> ByteString {
        guard let bytes = try self.value(value, pool) else {
            throw .invalidArgument("a value of type \(value.typeName) has no form in JSON")
        }
        return bytes
    }

    private static func write(_ number: Double, to writer: inout WireWriter) {
        writer.tag(2, 1)
        writer.fixed64(number.bitPattern)
    }

    /// `foo_bar` as `fooBar`, which is how JSON has the paths of a field mask.
    private static func camelCase(_ path: String) -> String {
        var text = ""
        var upper = false
        for character in path.unicodeScalars {
            if character == "_" {
                upper = true
            } else if upper, ("a"..."z").contains(character), let raised = Unicode.Scalar(character.value - 32) {
                text.unicodeScalars.append(raised)
                upper = false
            } else {
                text.unicodeScalars.append(character)
                upper = false
            }
        }
        return text
    }
}
