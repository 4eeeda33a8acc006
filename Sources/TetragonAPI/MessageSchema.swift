// SPDX-License-Identifier: Apache-2.0
internal import SwiftProtobuf

/// The fields of the API's messages by name, for paths that users give.
package struct MessageSchema: Sendable {
    package struct Field: Sendable {
        package let number: UInt32
        /// The full name of the message that it holds; nil where it holds a value, or a map.
        package let message: String?
    }

    /// By the message's full name and the field's name, both as in proto/ and in JSON's camelCase.
    private let fields: [String: [String: Field]]

    /// That of proto/tetragon.
    package static let api = MessageSchema(APIDescriptors.files)

    init(_ files: Google_Protobuf_FileDescriptorSet) {
        var fields: [String: [String: Field]] = [:]
        for file in files.file {
            var waiting = file.messageType.map { (file.package, $0) }
            while let (scope, message) = waiting.popLast() {
                let name = "\(scope).\(message.name)"
                let maps = Set(message.nestedType.filter(\.options.mapEntry).map { "\(name).\($0.name)" })
                for field in message.field {
                    let type = String(field.typeName.drop { $0 == "." })
                    let isMessage = field.type == .message && !maps.contains(type)
                    let entry = Field(number: UInt32(field.number), message: isMessage ? type : nil)
                    fields[name, default: [:]][field.name] = entry
                    fields[name, default: [:]][field.jsonName] = entry
                }
                waiting += message.nestedType.map { (name, $0) }
            }
        }
        self.fields = fields
    }

    package func field(_ name: some StringProtocol, of message: String) -> Field? { fields[message]?[String(name)] }
}
