// SPDX-License-Identifier: Apache-2.0
package import SwiftProtobuf

/// A message type of protobuf: its fields by name and number.
package final class MessageType: Sendable {
    /// What CEL reads a well-known message as.
    enum Conversion: Sendable {
        case none, timestamp, duration, any, structure, value, listValue, wrapper(ValueType)
    }

    package let name: String
    let fields: [Field]
    let conversion: Conversion
    /// Is it the entry of a map field?
    let isMapEntry: Bool
    private let byName: [String: Int]

    init(name: String, fields: [Field], isMapEntry: Bool) {
        self.name = name
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
        /// By its full name.
        case message(String)
        case group(String)
    }

    let name: String
    let number: Int
    let kind: Kind
    let isRepeated: Bool
    let isPacked: Bool
    /// Is a field that is set to its default value still a field that is set?
    let hasPresence: Bool
    let defaultValue: Value
    /// The numbers of the other fields of its oneof: the last one of all of them counts.
    let siblings: [Int]
    /// The message that it is a field of.
    let owner: String

    init(
        name: String, number: Int, kind: Kind, isRepeated: Bool, isPacked: Bool, hasPresence: Bool,
        defaultValue: Value, siblings: [Int], owner: String
    ) {
        self.name = name
        self.number = number
        self.kind = kind
        self.isRepeated = isRepeated
        self.isPacked = isPacked
        self.hasPresence = hasPresence
        self.defaultValue = defaultValue
        self.siblings = siblings
        self.owner = owner
    }

    var messageName: String? {
        switch kind {
        case .message(let name), .group(let name): name
        default: nil
        }
    }
}

/// All types of a set of descriptors.
package final class DescriptorPool: Sendable {
    private let messages: [String: MessageType]
    /// Enum constants by their full names, `package.Enum.CONSTANT`.
    private let constants: [String: Int64]
    /// By their full names.
    private let extensions: [String: Field]

    /// Takes the files in any order; what they import should be among them.
    package init(_ files: Google_Protobuf_FileDescriptorSet) {
        var builder = Builder()
        // Enums first: defaults of fields name their constants.
        for file in files.file { builder.enumerations(of: file) }
        for file in files.file { builder.messages(of: file) }
        messages = builder.messages
        constants = builder.constants
        extensions = builder.extensions
    }

    package func message(_ name: String) -> MessageType? { messages[name] }
    func constant(_ name: String) -> Int64? { constants[name] }

    /// A field by its name, or an extension of the type by its full name.
    func field(_ name: String, of type: MessageType) -> Field? {
        if let field = type.field(name) { return field }
        guard let field = extensions[name], field.owner == type.name else { return nil }
        return field
    }

    /// The type of a field's message.
    func type(of field: Field) -> MessageType? { field.messageName.flatMap { messages[$0] } }

    /// The key's and the value's field where the field is a map.
    func mapFields(of field: Field) -> (key: Field, value: Field)? {
        guard field.isRepeated, let entry = type(of: field), entry.isMapEntry, let key = entry.field(1),
            let value = entry.field(2)
        else { return nil }
        return (key, value)
    }

    /// Extensions of a type that the pool knows.
    func extensions(of type: MessageType) -> [Field] {
        extensions.values.filter { $0.owner == type.name }.sorted { $0.number < $1.number }
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
