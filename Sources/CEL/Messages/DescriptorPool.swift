// SPDX-License-Identifier: Apache-2.0
package import SwiftProtobuf

/// A message type of protobuf: its fields by name and number.
package final class MessageType: Sendable {
    /// What CEL reads a well-known message as.
    enum Conversion: Sendable {
        case none, timestamp, duration, any, structure, value, listValue, wrapper(ValueType)
    }

    package let name: String
    /// Its place in the pool.
    let index: Int
    let fields: [Field]
    let conversion: Conversion
    /// Is it the entry of a map field?
    let isMapEntry: Bool
    private let byName: [String: Int]

    init(name: String, index: Int, fields: [Field], isMapEntry: Bool) {
        self.name = name
        self.index = index
        self.fields = fields
        self.isMapEntry = isMapEntry
        conversion = Conversion(name)
        byName = Dictionary(fields.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    func field(_ name: String) -> Field? { byName[name].map { fields[$0] } }
    func field(_ number: Int) -> Field? { fields.first { $0.number == number } }
}

/// A field of a message, or an extension of one.
final class Field: Sendable {
    enum Kind: Sendable {
        case double, float, int32, int64, uint32, uint64, sint32, sint64, fixed32, fixed64, sfixed32, sfixed64
        case bool, string, bytes
        /// By its full name; enums are ints to CEL.
        case enumeration(String)
        case message, group
    }

    let name: String
    let number: Int
    let kind: Kind
    /// The place in the pool of its message's type; nil for a simple field, and where nothing is known of the type.
    let message: Int?
    let isRepeated: Bool
    /// Is a field that is set to its default value still a field that is set?
    let hasPresence: Bool
    let defaultValue: Value
    /// The name of the oneof that it is a member of.
    let oneof: String?
    /// The numbers of the other members: the last one of all of them counts.
    let siblings: [Int]
    /// The place of the type that it is a field of; nil for an extension of an unknown one.
    let owner: Int?

    init(
        name: String, number: Int, kind: Kind, message: Int?, isRepeated: Bool, hasPresence: Bool,
        defaultValue: Value, oneof: String?, siblings: [Int], owner: Int?
    ) {
        self.name = name
        self.number = number
        self.kind = kind
        self.message = message
        self.isRepeated = isRepeated
        self.hasPresence = hasPresence
        self.defaultValue = defaultValue
        self.oneof = oneof
        self.siblings = siblings
        self.owner = owner
    }

    var isMessage: Bool {
        switch kind {
        case .message, .group: true
        default: false
        }
    }
}

/// All types of a set of descriptors.
package final class DescriptorPool: Sendable {
    private let messages: [MessageType]
    private let indices: [String: Int]
    /// Enum constants by their full names, `package.Enum.CONSTANT`.
    private let constants: [String: Int64]
    /// By their full names.
    private let extensions: [String: Field]

    /// Takes the files in any order; what they import should be among them.
    package init(_ files: Google_Protobuf_FileDescriptorSet) {
        var builder = Builder()
        for file in files.file { builder.names(of: file) }
        for file in files.file { builder.messages(of: file) }
        let messages = builder.messages
        self.messages = (0..<messages.count).compactMap { messages[$0] }
        indices = builder.indices
        constants = builder.constants
        extensions = builder.extensions
    }

    package func message(_ name: String) -> MessageType? { indices[name].map { messages[$0] } }
    func constant(_ name: String) -> Int64? { constants[name] }

    /// A field by its name, or an extension of the type by its full name.
    func field(_ name: String, of type: MessageType) -> Field? {
        if let field = type.field(name) { return field }
        guard let field = extensions[name], field.owner == type.index else { return nil }
        return field
    }

    /// The type of a field's message.
    func type(of field: Field) -> MessageType? { field.message.map { messages[$0] } }

    /// The key's and the value's field where the field is a map.
    func mapFields(of field: Field) -> (key: Field, value: Field)? {
        guard field.isRepeated, let entry = type(of: field), entry.isMapEntry, let key = entry.field(1),
            let value = entry.field(2)
        else { return nil }
        return (key, value)
    }

    /// Extensions of a type that the pool knows.
    func extensions(of type: MessageType) -> [Field] {
        extensions.values.filter { $0.owner == type.index }.sorted { $0.number < $1.number }
    }
}

extension MessageType.Conversion {
    init(_ name: String) {
        self =
            switch name {
            case "google.protobuf.Timestamp": .timestamp
            case "google.protobuf.Duration": .duration
            case "google.protobuf.Any": .any
            case "google.protobuf.Struct": .structure
            case "google.protobuf.Value": .value
            case "google.protobuf.ListValue": .listValue
            case "google.protobuf.BoolValue": .wrapper(.bool)
            case "google.protobuf.BytesValue": .wrapper(.bytes)
            case "google.protobuf.DoubleValue", "google.protobuf.FloatValue": .wrapper(.double)
            case "google.protobuf.Int32Value", "google.protobuf.Int64Value": .wrapper(.int)
            case "google.protobuf.StringValue": .wrapper(.string)
            case "google.protobuf.UInt32Value", "google.protobuf.UInt64Value": .wrapper(.uint)
            default: .none
            }
    }
}
