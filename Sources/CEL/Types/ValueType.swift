// SPDX-License-Identifier: Apache-2.0

/// A type as the checker sees it.
package indirect enum ValueType: Hashable, Sendable {
    /// Known when evaluated only; agrees with every type.
    case dyn
    case null, bool, int, uint, double, string, bytes, timestamp, duration
    case list(ValueType)
    case map(ValueType, ValueType)
    /// A message by its full name.
    case message(String)
    /// A simple type or null: what `google.protobuf.Int64Value` and its like are read as.
    case wrapper(ValueType)
    /// The type of types.
    case type
    /// A type without a literal form, such as `optional_type(int)`.
    case opaque(String, [ValueType])
    /// Stands for any type in a function's declaration.
    case parameter(String)
    /// Stands for a type that the checker has yet to find.
    case variable(Int)
    /// The type of what was already complained about.
    case error

    static func optional(_ type: ValueType) -> ValueType { .opaque("optional_type", [type]) }
    static let ip = ValueType.opaque("net.IP", [])
    static let cidr = ValueType.opaque("net.CIDR", [])
}

extension ValueType: CustomStringConvertible {
    package var description: String {
        switch self {
        case .dyn: "dyn"
        case .null: "null_type"
        case .bool: "bool"
        case .int: "int"
        case .uint: "uint"
        case .double: "double"
        case .string: "string"
        case .bytes: "bytes"
        case .timestamp: "google.protobuf.Timestamp"
        case .duration: "google.protobuf.Duration"
        case .list(let element): "list(\(element))"
        case .map(let key, let value): "map(\(key), \(value))"
        case .message(let name): name
        case .wrapper(let type): "wrapper(\(type))"
        case .type: "type"
        case .opaque(let name, let parameters):
            parameters.isEmpty ? name : "\(name)(\(parameters.map(\.description).joined(separator: ", ")))"
        case .parameter(let name): name
        case .variable(let number): "_var\(number)"
        case .error: "error"
        }
    }
}
