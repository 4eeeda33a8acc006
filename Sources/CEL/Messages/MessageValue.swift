// SPDX-License-Identifier: Apache-2.0

/// A message: a view of its encoded bytes, in which fields are found when they are asked for.
package final class MessageValue: Sendable {
    package let type: MessageType
    package let bytes: ByteString
    let pool: DescriptorPool
    /// How many messages it is in.
    private let depth: Int

    /// Deeper messages are refused, as protobuf's own readers do.
    static let maximumDepth = 100

    package init(type: MessageType, bytes: ByteString, pool: DescriptorPool) {
        self.type = type
        self.bytes = bytes
        self.pool = pool
        depth = 0
    }

    private init(type: MessageType, bytes: ByteString, in outer: MessageValue) throws(EvaluationError) {
        guard outer.depth < Self.maximumDepth else { throw .malformedMessage(outer.type.name) }
        self.type = type
        self.bytes = bytes
        pool = outer.pool
        depth = outer.depth + 1
    }

    /// The message whose bytes are in a field of this one.
    func nested(_ type: MessageType, _ bytes: ByteString) throws(EvaluationError) -> MessageValue {
        try MessageValue(type: type, bytes: bytes, in: self)
    }

    /// The value of a field, or what it reads as when it is not set.
    func read(_ field: Field) throws(EvaluationError) -> Value {
        if field.isRepeated {
            if let (key, value) = pool.mapFields(of: field) { return .map(try map(field, key, value)) }
            return .list(try list(field))
        }
        if !field.isMessage { return try scalar(field) ?? field.defaultValue }
        guard let bytes = try messageBytes(field) else { return try unset(field) }
        return try message(field, bytes)
    }

    func has(_ field: Field) throws(EvaluationError) -> Bool {
        if field.isRepeated {
            if pool.mapFields(of: field) != nil { return try messageBytes(field) != nil }
            return try !list(field).isEmpty
        }
        if field.isMessage { return try messageBytes(field) != nil }
        guard let value = try scalar(field) else { return false }
        return field.hasPresence || !value.isZero
    }

    /// What a field that is not set reads as.
    private func unset(_ field: Field) throws(EvaluationError) -> Value {
        let type = try type(of: field)
        return switch type.conversion {
        case .wrapper, .value, .any: .null
        case .timestamp: .timestamp(Timestamp(seconds: 0, nanoseconds: 0))
        case .duration: .duration(.zero)
        case .structure: .map(.empty)
        case .listValue: .list([])
        case .none: .message(try nested(type, .empty))
        }
    }

    private func message(_ field: Field, _ bytes: ByteString) throws(EvaluationError) -> Value {
        let type = try type(of: field)
        return try nested(type, bytes).converted()
    }

    private func type(of field: Field) throws(EvaluationError) -> MessageType {
        guard let type = pool.type(of: field) else {
            throw .invalidArgument("nothing is known of the type of the field \(field.name)")
        }
        return type
    }

    // MARK: Finding

    /// Calls with every occurrence of the field or, in its stead, nil for another field of its oneof.
    private func scan(
        _ field: Field, _ body: (WireReader.Payload?) throws(WireReader.Malformed) -> Void
    ) throws(EvaluationError) {
        var reader = WireReader(bytes)
        do throws(WireReader.Malformed) {
            while let (number, payload) = try reader.next() {
                if number == field.number {
                    try body(payload)
                } else if !field.siblings.isEmpty, field.siblings.contains(number) {
                    try body(nil)
                }
            }
        } catch {
            throw .malformedMessage(type.name)
        }
    }

    /// The last value of a simple field.
    private func scalar(_ field: Field) throws(EvaluationError) -> Value? {
        var last: WireReader.Payload?
        try scan(field) { payload in last = payload }
        guard let last else { return nil }
        guard let value = field.value(last, in: bytes) else { throw .malformedMessage(type.name) }
        return value
    }

    /// The contents of a message field: its parts one after the other, which is how protobuf merges them.
    fileprivate func messageBytes(_ field: Field) throws(EvaluationError) -> ByteString? {
        var found: ByteString?
        try scan(field) { payload throws(WireReader.Malformed) in
            guard let payload else {
                found = nil
                return
            }
            guard let range = payload.contents else { throw WireReader.Malformed() }
            let part = ByteString(bytes.storage, range)
            found = found.map { $0 + part } ?? part
        }
        return found
    }

    private func list(_ field: Field) throws(EvaluationError) -> [Value] {
        var elements: [Value] = []
        if field.isMessage {
            var parts: [ByteString] = []
            try scan(field) { payload throws(WireReader.Malformed) in
                guard let range = payload?.contents else { throw WireReader.Malformed() }
                parts.append(ByteString(bytes.storage, range))
            }
            for part in parts { elements.append(try message(field, part)) }
        } else {
            try scan(field) { payload throws(WireReader.Malformed) in
                guard let payload else { return }
                try field.append(payload, in: bytes, to: &elements)
            }
        }
        return elements
    }

    private func map(_ field: Field, _ keyField: Field, _ valueField: Field) throws(EvaluationError) -> MapValue {
        let entryType = try type(of: field)
        var parts: [ByteString] = []
        try scan(field) { payload throws(WireReader.Malformed) in
            guard let range = payload?.contents else { throw WireReader.Malformed() }
            parts.append(ByteString(bytes.storage, range))
        }
        var map = MapBuilder()
        for part in parts {
            let entry = try nested(entryType, part)
            let key = try entry.read(keyField)
            let value = try entry.read(valueField)
            guard let mapKey = MapKey(key) else { throw .malformedMessage(entryType.name) }
            // Of two entries with one key the last counts.
            map.set(mapKey, key, value)
        }
        return map.value
    }
}

// MARK: Comparing

extension MessageValue {
    /// Is the field a single Any, with the same in it byte by byte?
    func sameBytes(_ field: Field, _ other: MessageValue) throws(EvaluationError) -> Bool {
        guard !field.isRepeated, let type = pool.type(of: field), case .any = type.conversion else { return false }
        return try messageBytes(field) == other.messageBytes(field)
    }

    /// Is the field a single Any with a message of an unknown type?
    func isUnknownAny(_ field: Field) throws(EvaluationError) -> Bool {
        guard !field.isRepeated, let type = pool.type(of: field), case .any = type.conversion,
            let bytes = try messageBytes(field)
        else { return false }
        return try nested(type, bytes).packed().type == nil
    }

    /// What the type does not know of, as it is encoded.
    func unknownFields() throws(EvaluationError) -> [UInt8] {
        let known = Set(type.fields.map(\.number)).union(pool.extensions(of: type).map(\.number))
        var unknown: [UInt8] = []
        var reader = WireReader(bytes)
        var start = bytes.range.lowerBound
        do throws(WireReader.Malformed) {
            while let (number, _) = try reader.next() {
                if !known.contains(number) { unknown += bytes.storage[start..<reader.position] }
                start = reader.position
            }
        } catch {
            throw .malformedMessage(type.name)
        }
        return unknown
    }
}

extension WireReader.Payload {
    /// Where the contents of a message are.
    var contents: Range<Int>? {
        switch self {
        case .delimited(let range), .group(let range): range
        default: nil
        }
    }
}

extension Field {
    /// A simple field's value; nil when it is encoded as something else, or text is no UTF-8.
    func value(_ payload: WireReader.Payload, in bytes: ByteString) -> Value? {
        switch (kind, payload) {
        case (.enumeration("google.protobuf.NullValue"), .varint): .null
        case (.double, .fixed64(let bits)): .double(Double(bitPattern: bits))
        case (.float, .fixed32(let bits)): .double(Double(Float(bitPattern: bits)))
        case (.int32, .varint(let bits)), (.enumeration, .varint(let bits)):
            .int(Int64(Int32(truncatingIfNeeded: bits)))
        case (.int64, .varint(let bits)): .int(Int64(bitPattern: bits))
        case (.uint32, .varint(let bits)): .uint(UInt64(UInt32(truncatingIfNeeded: bits)))
        case (.uint64, .varint(let bits)): .uint(bits)
        case (.sint32, .varint(let bits)):
            .int(Int64(Int32(bitPattern: UInt32(truncatingIfNeeded: bits) >> 1) ^ -Int32(truncatingIfNeeded: bits & 1)))
        case (.sint64, .varint(let bits)): .int(Int64(bitPattern: bits >> 1) ^ -Int64(bits & 1))
        case (.fixed32, .fixed32(let bits)): .uint(UInt64(bits))
        case (.fixed64, .fixed64(let bits)): .uint(bits)
        case (.sfixed32, .fixed32(let bits)): .int(Int64(Int32(bitPattern: bits)))
        case (.sfixed64, .fixed64(let bits)): .int(Int64(bitPattern: bits))
        case (.bool, .varint(let bits)): .bool(bits != 0)
        case (.string, .delimited(let range)):
            ByteString(bytes.storage, range).isUTF8 ? .string(ByteString(bytes.storage, range)) : nil
        case (.bytes, .delimited(let range)): .bytes(ByteString(bytes.storage, range))
        default: nil
        }
    }

    /// One element of a repeated field of simple values, or a packed row of them.
    func append(
        _ payload: WireReader.Payload, in bytes: ByteString, to elements: inout [Value]
    ) throws(WireReader.Malformed) {
        if let value = value(payload, in: bytes) {
            elements.append(value)
            return
        }
        guard case .delimited(let range) = payload else { throw WireReader.Malformed() }
        var reader = WireReader(bytes.storage, range)
        while !reader.isAtEnd {
            let payload: WireReader.Payload
            switch kind {
            case .double, .fixed64, .sfixed64: payload = .fixed64(try reader.fixed64())
            case .float, .fixed32, .sfixed32: payload = .fixed32(try reader.fixed32())
            case .string, .bytes, .message, .group: throw WireReader.Malformed()
            default: payload = .varint(try reader.varint())
            }
            guard let value = value(payload, in: bytes) else { throw WireReader.Malformed() }
            elements.append(value)
        }
    }
}
