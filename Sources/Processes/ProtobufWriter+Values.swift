// SPDX-License-Identifier: Apache-2.0
package import Models

extension ProtobufWriter {
    /// google.protobuf.UInt32Value or BoolValue: present even when zero.
    package mutating func wrapped(_ field: UInt32, _ value: UInt32) {
        lengthDelimited(field, count: value == 0 ? 0 : 1 + Self.length(ofVarint: UInt64(value)))
        uint32(1, value)
    }

    package mutating func uint64(_ field: UInt32, _ value: UInt64) {
        guard value != 0 else { return }
        varint(UInt64(field) << 3)
        varint(value)
    }

    /// google.protobuf.Timestamp of nanoseconds since 1970.
    package mutating func timestamp(_ field: UInt32, _ nanoseconds: Int64) {
        let seconds = nanoseconds.floorSeconds
        message(field) {
            $0.uint64(1, UInt64(bitPattern: seconds))
            $0.uint64(2, UInt64(nanoseconds - seconds * 1_000_000_000))
        }
    }

    /// A packed repeated enum with values below 128.
    package mutating func packed(_ field: UInt32, _ values: [UInt8]) {
        guard !values.isEmpty else { return }
        lengthDelimited(field, count: values.count)
        bytes.append(contentsOf: values)
    }

    /// A packed repeated enum: the numbers of a set's bits.
    package mutating func packed(_ field: UInt32, bitsOf set: UInt64) {
        guard set != 0 else { return }
        lengthDelimited(field, count: set.nonzeroBitCount)
        var rest = set
        while rest != 0 {
            bytes.append(UInt8(rest.trailingZeroBitCount))
            rest &= rest &- 1
        }
    }

    /// How many bytes a number takes.
    package static func length(ofVarint value: UInt64) -> Int {
        max(1, (64 - value.leadingZeroBitCount + 6) / 7)
    }
}

extension Int64 {
    /// Whole seconds of a number of nanoseconds, rounded down also before 1970.
    package var floorSeconds: Int64 {
        self >= 0 ? self / 1_000_000_000 : -((-self + 999_999_999) / 1_000_000_000)
    }
}
