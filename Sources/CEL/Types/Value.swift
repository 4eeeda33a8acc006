// SPDX-License-Identifier: Apache-2.0

/// A value of CEL.
package enum Value: Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case uint(UInt64)
    case double(Double)
    /// UTF-8.
    case string(ByteString)
    case bytes(ByteString)
    case list([Value])
    case map(MapValue)
    case message(MessageValue)
    case timestamp(Timestamp)
    case duration(Span)
    /// A type by its name.
    case type(String)
    indirect case optional(Value?)
    case ip(IPAddress)
    indirect case cidr(CIDR)

    package static func string(_ text: String) -> Value { .string(ByteString(text)) }

    /// What `type()` says of it.
    var typeName: String {
        switch self {
        case .null: "null_type"
        case .bool: "bool"
        case .int: "int"
        case .uint: "uint"
        case .double: "double"
        case .string: "string"
        case .bytes: "bytes"
        case .list: "list"
        case .map: "map"
        case .message(let message): message.type.name
        case .timestamp: "google.protobuf.Timestamp"
        case .duration: "google.protobuf.Duration"
        case .type: "type"
        case .optional: "optional_type"
        case .ip: "net.IP"
        case .cidr: "net.CIDR"
        }
    }

    /// Is it what an unset field of its type reads as?
    var isZero: Bool {
        switch self {
        case .null: true
        case .bool(let value): !value
        case .int(let value): value == 0
        case .uint(let value): value == 0
        case .double(let value): value == 0
        case .string(let value), .bytes(let value): value.isEmpty
        case .list(let value): value.isEmpty
        case .map(let value): value.count == 0
        case .message(let value): value.bytes.isEmpty
        case .timestamp(let value): value == Timestamp(seconds: 0, nanoseconds: 0)
        case .duration(let value): value == .zero
        case .optional(let value): value == nil
        case .type, .ip, .cidr: false
        }
    }
}

/// A map: its entries in the order in which they were made, found by key.
package final class MapValue: Sendable {
    package let entries: [(key: Value, value: Value)]
    /// Absent where looking at every entry is as quick.
    private let index: [MapKey: Int]?

    static let empty = MapValue([])

    /// Keys are bool, int, uint or string, each there once.
    init(_ entries: [(key: Value, value: Value)]) {
        self.entries = entries
        guard entries.count > 8 else {
            index = nil
            return
        }
        var index: [MapKey: Int] = [:]
        index.reserveCapacity(entries.count)
        for (position, entry) in entries.enumerated() {
            if let key = MapKey(entry.key) { index[key] = position }
        }
        self.index = index
    }

    package var count: Int { entries.count }

    /// Numbers find each other whatever their types.
    package subscript(key: Value) -> Value? { MapKey(key).flatMap { self[$0] } }

    subscript(key: MapKey) -> Value? {
        if let index { return index[key].map { entries[$0].value } }
        return entries.first { MapKey($0.key) == key }?.value
    }
}

/// Puts a map together.
struct MapBuilder {
    private var entries: [(key: Value, value: Value)] = []
    private var keys: [MapKey] = []
    /// Made when looking at every key takes too long.
    private var positions: [MapKey: Int] = [:]
    private static let few = 8

    var value: MapValue { MapValue(entries) }

    private func position(_ key: MapKey) -> Int? {
        keys.count <= Self.few ? keys.firstIndex(of: key) : positions[key]
    }

    /// The key may be there already.
    mutating func set(_ mapKey: MapKey, _ key: Value, _ value: Value) {
        if let position = position(mapKey) {
            entries[position].value = value
            return
        }
        entries.append((key, value))
        keys.append(mapKey)
        if keys.count == Self.few + 1 {
            positions = Dictionary(uniqueKeysWithValues: keys.enumerated().map { ($1, $0) })
        } else if keys.count > Self.few {
            positions[mapKey] = keys.count - 1
        }
    }

    /// The key must not be there yet.
    mutating func insert(_ key: Value, _ value: Value) throws(EvaluationError) {
        if case .double = key { throw .unsupportedKey("double") }
        guard let mapKey = MapKey(key) else { throw .unsupportedKey(key.typeName) }
        guard position(mapKey) == nil else { throw .repeatedKey }
        set(mapKey, key, value)
    }
}

/// A key in the form in which keys of different numeric types are the same.
enum MapKey: Hashable {
    case bool(Bool)
    case int(Int64)
    /// Above what an int holds.
    case uint(UInt64)
    case string(ByteString)

    /// Nil for what is no key, and for a double that no int or uint is equal to.
    init?(_ value: Value) {
        switch value {
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .int(value)
        case .uint(let value): self = Int64(exactly: value).map(MapKey.int) ?? .uint(value)
        case .double(let value):
            if let int = Int64(exactly: value) {
                self = .int(int)
            } else if let uint = UInt64(exactly: value) {
                self = .uint(uint)
            } else {
                return nil
            }
        case .string(let value): self = .string(value)
        default: return nil
        }
    }
}
