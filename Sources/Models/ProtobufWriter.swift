// SPDX-License-Identifier: Apache-2.0

/// Writes protobuf's wire format: the little of it that one message of strings needs.
package struct ProtobufWriter {
    package var bytes: [UInt8] = []

    package init() {}

    package mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// A string field. proto3 leaves the empty string out, except in the entries of a map (`always`).
    package mutating func string(_ field: UInt32, _ value: String, always: Bool = false) {
        if value.isEmpty && !always {
            return
        }
        lengthDelimited(field, count: value.utf8.count)
        bytes.append(contentsOf: value.utf8)
    }

    package mutating func uint32(_ field: UInt32, _ value: UInt32) {
        if value != 0 {
            varint(UInt64(field) << 3)
            varint(UInt64(value))
        }
    }

    package mutating func message(_ field: UInt32, _ build: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        build(&inner)
        lengthDelimited(field, count: inner.bytes.count)
        bytes.append(contentsOf: inner.bytes)
    }

    package mutating func lengthDelimited(_ field: UInt32, count: Int) {
        varint(UInt64(field) << 3 | 2)
        varint(UInt64(count))
    }
}
