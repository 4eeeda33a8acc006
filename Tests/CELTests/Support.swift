// SPDX-License-Identifier: Apache-2.0
import CEL
import SwiftProtobuf

// What the tests speak of: messages with fields of every kind, in the package `test.v1`.

typealias FieldType = Google_Protobuf_FieldDescriptorProto.TypeEnum

func field(
    _ name: String, _ number: Int32, _ type: FieldType, _ typeName: String = "", repeated: Bool = false,
    oneof: Int32? = nil, optional: Bool = false
) -> Google_Protobuf_FieldDescriptorProto {
    .with {
        $0.name = name
        $0.number = number
        $0.type = type
        if !typeName.isEmpty { $0.typeName = "." + typeName }
        $0.label = repeated ? .repeated : .optional
        if let oneof { $0.oneofIndex = oneof }
        if optional { $0.proto3Optional = true }
    }
}

func message(
    _ name: String, oneofs: [String] = [], nested: [Google_Protobuf_DescriptorProto] = [],
    _ fields: Google_Protobuf_FieldDescriptorProto...
) -> Google_Protobuf_DescriptorProto {
    .with {
        $0.name = name
        $0.field = fields
        $0.nestedType = nested
        $0.oneofDecl = oneofs.map { name in .with { $0.name = name } }
    }
}

func mapEntry(
    _ name: String, _ key: FieldType, _ value: FieldType, _ typeName: String = ""
) -> Google_Protobuf_DescriptorProto {
    var entry = message(name, field("key", 1, key), field("value", 2, value, typeName))
    entry.options.mapEntry = true
    return entry
}

let wellKnown: Google_Protobuf_FileDescriptorProto = .with {
    $0.package = "google.protobuf"
    $0.syntax = "proto3"
    let wrappers: [(String, FieldType)] = [
        ("Double", .double), ("Float", .float), ("Int64", .int64), ("UInt64", .uint64), ("Int32", .int32),
        ("UInt32", .uint32), ("Bool", .bool), ("String", .string), ("Bytes", .bytes),
    ]
    let value = "google.protobuf.Value"
    $0.messageType =
        wrappers.map { message($0 + "Value", field("value", 1, $1)) }
        + ["Timestamp", "Duration"].map { message($0, field("seconds", 1, .int64), field("nanos", 2, .int32)) }
        + [
            message("Any", field("type_url", 1, .string), field("value", 2, .bytes)),
            message(
                "Struct", nested: [mapEntry("FieldsEntry", .string, .message, value)],
                field("fields", 1, .message, "google.protobuf.Struct.FieldsEntry", repeated: true)),
            message("ListValue", field("values", 1, .message, value, repeated: true)),
            message(
                "Value", oneofs: ["kind"], field("null_value", 1, .enum, "google.protobuf.NullValue", oneof: 0),
                field("number_value", 2, .double, oneof: 0), field("string_value", 3, .string, oneof: 0),
                field("bool_value", 4, .bool, oneof: 0),
                field("struct_value", 5, .message, "google.protobuf.Struct", oneof: 0),
                field("list_value", 6, .message, "google.protobuf.ListValue", oneof: 0)),
        ]
    $0.enumType = [
        .with {
            $0.name = "NullValue"; $0.value = [.with { $0.name = "NULL_VALUE" }]
        }
    ]
}

let testFile: Google_Protobuf_FileDescriptorProto = .with {
    $0.package = "test.v1"
    $0.syntax = "proto3"
    $0.enumType = [
        .with {
            $0.name = "State"
            $0.value = [
                .with { $0.name = "IDLE" },
                .with {
                    $0.name = "RUNNING"; $0.number = 3
                },
            ]
        }
    ]
    let process = "test.v1.Process"
    $0.messageType = [
        message(
            "Event", oneofs: ["event"], field("exec", 1, .message, "test.v1.Exec", oneof: 0),
            field("exit", 5, .message, "test.v1.Exit", oneof: 0), field("node", 1000, .string)),
        message(
            "Exec", field("process", 1, .message, process), field("parent", 2, .message, process),
            field("ancestors", 3, .message, process, repeated: true)),
        message("Exit", field("process", 1, .message, process), field("signal", 2, .string)),
        message(
            "Process", oneofs: ["_maybe"], nested: [mapEntry("LabelsEntry", .string, .string)],
            field("binary", 1, .string), field("pid", 2, .message, "google.protobuf.UInt32Value"),
            field("start", 3, .message, "google.protobuf.Timestamp"),
            field("labels", 4, .message, "test.v1.Process.LabelsEntry", repeated: true),
            field("flags", 5, .string, repeated: true),
            field("in_init_tree", 6, .message, "google.protobuf.BoolValue"),
            field("state", 7, .enum, "test.v1.State"), field("digest", 8, .bytes),
            field("numbers", 9, .int32, repeated: true), field("ratio", 10, .double),
            field("parent", 11, .message, process), field("maybe", 12, .int32, oneof: 0, optional: true),
            field("detail", 13, .message, "google.protobuf.Any"),
            field("json", 14, .message, "google.protobuf.Value"),
            field("age", 15, .message, "google.protobuf.Duration"), field("address", 16, .string)),
        message(
            "Scalars", oneofs: ["choice"], field("int32", 1, .int32), field("int64", 2, .int64),
            field("uint32", 3, .uint32), field("uint64", 4, .uint64), field("sint32", 5, .sint32),
            field("sint64", 6, .sint64), field("fixed32", 7, .fixed32), field("fixed64", 8, .fixed64),
            field("sfixed32", 9, .sfixed32), field("sfixed64", 10, .sfixed64), field("float", 11, .float),
            field("double", 12, .double), field("bool", 13, .bool), field("first", 14, .int32, oneof: 0),
            field("second", 15, .string, oneof: 0)),
    ]
}

let descriptors: Google_Protobuf_FileDescriptorSet = .with { $0.file = [testFile, wellKnown] }
let events = Environment(descriptors: descriptors, message: "test.v1.Event", oneof: "event")
let plain = Environment(
    descriptors: descriptors, container: "test.v1",
    variables: [
        .init("s", .string), .init("i", .int), .init("u", .uint), .init("d", .dyn), .init("list", .list(.int)),
        .init("p", .message("test.v1.Process")), .init("a.b", .int),
    ])

/// A value as text, near to how CEL writes it.
func text(_ value: Value) -> String {
    switch value {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .int(let value): "\(value)"
    case .uint(let value): "\(value)u"
    case .double(let value): "\(value)"
    case .string(let value): "'\(value.string)'"
    case .bytes(let value): "b" + value.bytes.map { String($0, radix: 16) }.joined(separator: ",")
    case .list(let elements): "[" + elements.map(text).joined(separator: ", ") + "]"
    case .map(let map): "{" + map.entries.map { text($0.key) + ": " + text($0.value) }.joined(separator: ", ") + "}"
    case .message(let message): message.type.name
    case .timestamp(let time): "\(time)"
    case .duration(let span): "\(span)"
    case .type(let name): name
    case .optional(let held): "optional(\(held.map(text) ?? ""))"
    case .ip(let address): "\(address)"
    case .cidr(let network): "\(network)"
    }
}

/// The value of an expression, or the sentence of the error that it has instead.
func value(_ source: String, in environment: Environment = plain, _ values: [String: Value] = [:]) -> String {
    do throws(CompileError) {
        let program = try environment.compile(source, result: .dyn)
        do throws(EvaluationError) {
            return text(try program.evaluate(.all(environment.variables.map { values[$0.name] })))
        } catch {
            return "error: \(error)"
        }
    } catch {
        return "\(error)"
    }
}
