// SPDX-License-Identifier: Apache-2.0

import Foundation
import SwiftProtobuf

/// One line of the wire table: an element of the API with everything that a client can notice about it.
struct WireRow: Hashable {
    /// message, field, enum (a value of one) or rpc.
    var kind: String
    /// The file that declares it, as another file would import it.
    var file: String
    /// The message, enum or service around it, without the package.
    var parent: String
    /// Empty for a message, whose name is `parent`.
    var name: String
    /// Field number or enum value; empty for a message and an rpc.
    var number: String
    /// A scalar's name, a full type name, or `request -> response`.
    var type: String
    /// `repeated`, `stream` or nothing.
    var label: String
    /// The oneof that a field belongs to.
    var oneof: String
    var isDeprecated: Bool

    /// What makes two rows speak of the same thing, right or wrong.
    struct Identity: Hashable {
        var kind: String
        var parent: String
        var name: String
    }

    /// Its name without the package: `Process.pid`, or `Process` for the message itself.
    var path: String { name.isEmpty ? parent : "\(parent).\(name)" }

    var identity: Identity { Identity(kind: kind, parent: parent, name: name) }
}

extension WireRow: CustomStringConvertible {
    var description: String {
        var words = [file, kind, path]
        if !type.isEmpty { words.append(": \(type)") }
        if !number.isEmpty { words.append("= \(number)") }
        if !label.isEmpty { words.append("(\(label))") }
        if !oneof.isEmpty { words.append("in oneof \(oneof)") }
        if isDeprecated { words.append("deprecated") }
        return words.joined(separator: " ")
    }
}

// MARK: - From the table

/// The wire table: what the API that clients already speak looks like.
struct WireTable {
    /// Rows that must be there exactly as they are.
    var required: [WireRow] = []
    /// Rows that may be missing, and must look like this if they are there.
    var optional: [WireRow] = []

    /// Reads the tab-separated text. Its first line names the columns.
    init(text: String) throws {
        for (index, line) in text.split(separator: "\n").enumerated().dropFirst() {
            let columns = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard columns.count == 10 else {
                throw Malformed(line: index + 1, reason: "\(columns.count) columns, not 10")
            }
            let row = WireRow(
                kind: columns[1], file: columns[2], parent: columns[3], name: columns[4], number: columns[5],
                type: columns[6], label: columns[7], oneof: columns[8], isDeprecated: columns[9] == "deprecated")
            switch columns[0] {
            case "seed": required.append(row)
            case "later": optional.append(row)
            default: throw Malformed(line: index + 1, reason: "unknown word in the first column: \(columns[0])")
            }
        }
    }

    struct Malformed: Error, CustomStringConvertible {
        var line: Int
        var reason: String
        var description: String { "wire table, line \(line): \(reason)" }
    }
}

// MARK: - From compiled descriptors

extension WireRow {
    /// What protoc makes of proto/.
    static func compiled() throws -> [WireRow] {
        try Repository.withTemporaryDirectory { directory in
            let output = directory.appending(path: "descriptors.pb")
            try Repository.run(
                "protoc",
                ["--proto_path=\(Repository.protoDirectory.path)", "--descriptor_set_out=\(output.path)"]
                    + Repository.protoFiles())
            return rows(of: try Google_Protobuf_FileDescriptorSet(serializedBytes: Data(contentsOf: output)))
        }
    }

    /// Every element that the files declare.
    static func rows(of set: Google_Protobuf_FileDescriptorSet) -> [WireRow] {
        set.file.flatMap { file in
            file.messageType.flatMap { rows(of: $0, named: $0.name, in: file.name) }
                + file.enumType.flatMap { rows(of: $0, named: $0.name, in: file.name) }
                + file.service.flatMap { rows(of: $0, in: file.name) }
        }
    }

    private static func rows(
        of message: Google_Protobuf_DescriptorProto, named path: String, in file: String
    ) -> [WireRow] {
        let itself = WireRow(
            kind: "message", file: file, parent: path, name: "", number: "", type: "", label: "", oneof: "",
            isDeprecated: message.options.deprecated)
        let fields = message.field.map { field in
            WireRow(
                kind: "field", file: file, parent: path, name: field.name, number: String(field.number),
                type: typeName(of: field), label: field.label == .repeated ? "repeated" : "",
                oneof: field.hasOneofIndex ? message.oneofDecl[Int(field.oneofIndex)].name : "",
                isDeprecated: field.options.deprecated)
        }
        let nested = message.nestedType.flatMap { rows(of: $0, named: "\(path).\($0.name)", in: file) }
        let enums = message.enumType.flatMap { rows(of: $0, named: "\(path).\($0.name)", in: file) }
        return [itself] + fields + nested + enums
    }

    private static func rows(
        of enumeration: Google_Protobuf_EnumDescriptorProto, named path: String, in file: String
    ) -> [WireRow] {
        enumeration.value.map { value in
            WireRow(
                kind: "enum", file: file, parent: path, name: value.name, number: String(value.number), type: "",
                label: "", oneof: "", isDeprecated: value.options.deprecated)
        }
    }

    private static func rows(of service: Google_Protobuf_ServiceDescriptorProto, in file: String) -> [WireRow] {
        service.method.map { method in
            WireRow(
                kind: "rpc", file: file, parent: service.name, name: method.name, number: "",
                type: "\(method.inputType.dropFirst()) -> \(method.outputType.dropFirst())",
                label: method.clientStreaming ? "client-stream" : method.serverStreaming ? "stream" : "",
                oneof: "", isDeprecated: method.options.deprecated)
        }
    }

    /// Descriptors write the names of messages and enums with a leading dot, and scalars as numbers.
    private static func typeName(of field: Google_Protobuf_FieldDescriptorProto) -> String {
        switch field.type {
        case .message, .enum: String(field.typeName.dropFirst())
        case .bool: "bool"
        case .bytes: "bytes"
        case .double: "double"
        case .fixed32: "fixed32"
        case .fixed64: "fixed64"
        case .float: "float"
        case .group: "group"
        case .int32: "int32"
        case .int64: "int64"
        case .sfixed32: "sfixed32"
        case .sfixed64: "sfixed64"
        case .sint32: "sint32"
        case .sint64: "sint64"
        case .string: "string"
        case .uint32: "uint32"
        case .uint64: "uint64"
        }
    }
}
