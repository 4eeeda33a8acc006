// SPDX-License-Identifier: Apache-2.0

/// Reads protobuf's encoding from a piece of an array, field by field.
struct WireReader {
    /// Not what the encoding allows.
    struct Malformed: Error {}

    enum Payload {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        /// Where the contents are.
        case delimited(Range<Int>)
        /// Where the contents are, between the tags.
        case group(Range<Int>)
    }

    private let storage: [UInt8]
    /// In the array.
    private(set) var position: Int
    private let end: Int

    init(_ bytes: ByteString) { self.init(bytes.storage, bytes.range) }

    init(_ storage: [UInt8], _ range: Range<Int>) {
        self.storage = storage
        position = range.lowerBound
        end = range.upperBound
    }

    var isAtEnd: Bool { position >= end }

    /// The next field, nil at the end.
    mutating func next() throws(Malformed) -> (number: Int, payload: Payload)? {
        guard position < end else { return nil }
        let tag = try varint()
        guard tag >> 3 != 0, tag >> 3 < 1 << 29 else { throw Malformed() }
        let number = Int(tag >> 3)
        return (number, try payload(tag & 7, number, depth: 0))
    }

    private mutating func payload(_ wireType: UInt64, _ number: Int, depth: Int) throws(Malformed) -> Payload {
        switch wireType {
        case 0: return .varint(try varint())
        case 1: return .fixed64(try fixed64())
        case 2:
            let count = try varint()
            guard count <= UInt64(end - position) else { throw Malformed() }
            let start = position
            position += Int(count)
            return .delimited(start..<position)
        case 3:
            guard depth < 32 else { throw Malformed() }
            let start = position
            while true {
                let before = position
                let tag = try varint()
                guard tag >> 3 != 0, tag >> 3 < 1 << 29 else { throw Malformed() }
                if tag & 7 == 4 {
                    guard Int(tag >> 3) == number else { throw Malformed() }
                    return .group(start..<before)
                }
                _ = try payload(tag & 7, Int(tag >> 3), depth: depth + 1)
            }
        case 5: return .fixed32(try fixed32())
        default: throw Malformed()
        }
    }

    mutating func varint() throws(Malformed) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < end, shift < 64 {
            let byte = storage[position]
            position += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw Malformed()
    }

    mutating func fixed64() throws(Malformed) -> UInt64 {
        let low = try fixed32()
        return UInt64(try fixed32()) << 32 | UInt64(low)
    }

    mutating func fixed32() throws(Malformed) -> UInt32 {
        guard end - position >= 4 else { throw Malformed() }
        var value: UInt32 = 0
        for offset in 0..<4 { value |= UInt32(storage[position + offset]) << UInt32(8 * offset) }
        position += 4
        return value
    }
}

/// Writes protobuf's encoding.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    mutating func varint(_ value: UInt64) {
        var value = value
        while value >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        bytes.append(UInt8(value))
    }

    mutating func tag(_ number: Int, _ wireType: UInt64) { varint(UInt64(number) << 3 | wireType) }

    mutating func fixed64(_ value: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    mutating func fixed32(_ value: UInt32) {
        for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    mutating func delimited(_ number: Int, _ contents: some Collection<UInt8>) {
        tag(number, 2)
        varint(UInt64(contents.count))
        bytes += contents
    }

    mutating func raw(_ contents: some Collection<UInt8>) { bytes += contents }
}
