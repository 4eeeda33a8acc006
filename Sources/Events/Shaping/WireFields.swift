// SPDX-License-Identifier: Apache-2.0

/// The fields of an encoded message, one after the other, in place (protobuf.dev/programming-guides/encoding).
struct WireFields {
    struct Field {
        let number: UInt32
        let isLengthDelimited: Bool
        /// The tag's bytes.
        let tag: UnsafeRawBufferPointer
        /// Of a length-delimited field, without the length.
        let content: UnsafeRawBufferPointer
        /// Tag, length and content.
        let all: UnsafeRawBufferPointer
    }

    private let bytes: UnsafeRawBufferPointer
    private var offset = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Nil at the end, and where the rest is no field: groups, which proto3 has not, are none.
    mutating func next() -> Field? {
        let start = offset
        guard let tag = varint(), tag >> 3 != 0, let number = UInt32(exactly: tag >> 3) else { return nil }
        let tagEnd = offset
        var contentStart = tagEnd
        switch tag & 7 {
        case 0: guard varint() != nil else { return nil }
        case 1: offset += 8
        case 2:
            guard let length = varint(), length <= UInt64(bytes.count) else { return nil }
            contentStart = offset
            offset += Int(length)
        case 5: offset += 4
        default: return nil
        }
        guard offset <= bytes.count else { return nil }
        return Field(
            number: number, isLengthDelimited: tag & 7 == 2,
            tag: UnsafeRawBufferPointer(rebasing: bytes[start..<tagEnd]),
            content: UnsafeRawBufferPointer(rebasing: bytes[contentStart..<offset]),
            all: UnsafeRawBufferPointer(rebasing: bytes[start..<offset]))
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 70, by: 7) {
            guard offset < bytes.count else { return nil }
            let byte = bytes[offset]
            offset += 1
            value |= UInt64(byte & 0x7F) << UInt64(shift)
            if byte < 0x80 { return value }
        }
        return nil
    }
}
