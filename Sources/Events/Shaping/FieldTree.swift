// SPDX-License-Identifier: Apache-2.0
package import TetragonAPI

/// Fields of a message, each whole or with some fields of its own: a field mask, resolved to numbers.
package struct FieldTree: Equatable, Sendable {
    /// Empty for a field that is meant whole.
    private var children: [UInt32: FieldTree] = [:]

    package init() {}

    package var isEmpty: Bool { children.isEmpty }

    /// Adds the field at a path such as "process.pod.name", which may lead through repeated fields, and not into maps.
    /// - Returns: false if the message has no such field.
    package mutating func insert(
        _ path: ArraySlice<Substring>, of message: String, in schema: MessageSchema = .api
    ) -> Bool {
        guard let name = path.first, let field = schema.field(name, of: message) else { return false }
        let rest = path.dropFirst()
        let isNew = children[field.number] == nil
        if rest.isEmpty {
            children[field.number] = FieldTree()
            return true
        }
        guard let inner = field.message else { return false }
        var child = children[field.number] ?? FieldTree()
        // What is meant whole already stays whole.
        if !isNew, child.isEmpty { return FieldTree().contains(rest, of: inner, in: schema) }
        guard child.insert(rest, of: inner, in: schema) else { return false }
        children[field.number] = child
        return true
    }

    private func contains(_ path: ArraySlice<Substring>, of message: String, in schema: MessageSchema) -> Bool {
        var probe = FieldTree()
        return probe.insert(path, of: message, in: schema)
    }

    /// Writes the message with these fields alone, or without them.
    ///
    /// - Parameter message: encoded; what cannot be read as protobuf ends it.
    func project(_ message: UnsafeRawBufferPointer, keeping: Bool, into output: inout [UInt8]) {
        var reader = WireFields(message)
        while let field = reader.next() {
            let node = children[field.number]
            guard let node, !node.isEmpty, field.isLengthDelimited else {
                if (node != nil) == keeping { output.append(contentsOf: field.all) }
                continue
            }
            var inner: [UInt8] = []
            inner.reserveCapacity(field.content.count)
            node.project(field.content, keeping: keeping, into: &inner)
            // A message of which nothing is left was there nevertheless.
            output.append(contentsOf: field.tag)
            appendVarint(UInt64(inner.count), to: &output)
            output.append(contentsOf: inner)
        }
    }
}

func appendVarint(_ value: UInt64, to output: inout [UInt8]) {
    var rest = value
    while rest >= 0x80 {
        output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
        rest >>= 7
    }
    output.append(UInt8(rest))
}
