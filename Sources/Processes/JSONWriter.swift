// SPDX-License-Identifier: Apache-2.0

/// Writes the members of a JSON object in protobuf's JSON form: default values left out, 64-bit numbers as strings,
/// times as RFC 3339.
package struct JSONWriter {
    package private(set) var bytes: [UInt8] = []

    package init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

    package mutating func string(_ name: StaticString, _ value: String) {
        guard !value.isEmpty else { return }
        key(name)
        quote(value)
    }

    package mutating func number(_ name: StaticString, _ value: UInt32) {
        guard value != 0 else { return }
        wrapped(name, value)
    }

    /// A wrapper type: present even when zero.
    package mutating func wrapped(_ name: StaticString, _ value: UInt32) {
        key(name)
        decimal(UInt64(value))
    }

    package mutating func bool(_ name: StaticString, _ value: Bool) {
        key(name)
        raw(value ? "true" : "false")
    }

    package mutating func quoted(_ name: StaticString, _ value: UInt64) {
        guard value != 0 else { return }
        key(name)
        bytes.append(UInt8(ascii: "\""))
        decimal(value)
        bytes.append(UInt8(ascii: "\""))
    }

    package mutating func names(_ name: StaticString, _ values: [StaticString]) {
        guard !values.isEmpty else { return }
        key(name)
        bytes.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            raw(index == 0 ? "\"" : ",\"")
            raw(value)
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(UInt8(ascii: "]"))
    }

    package mutating func object(_ name: StaticString, _ fill: (inout JSONWriter) -> Void) {
        key(name)
        bytes.append(UInt8(ascii: "{"))
        fill(&self)
        bytes.append(UInt8(ascii: "}"))
    }

    /// An object whose members are there already, and more.
    package mutating func object(_ name: StaticString, members: [UInt8], more: (inout JSONWriter) -> Void) {
        object(name) {
            $0.bytes.append(contentsOf: members)
            more(&$0)
        }
    }

    package mutating func timestamp(_ name: StaticString, _ nanoseconds: Int64) {
        key(name)
        bytes.append(UInt8(ascii: "\""))
        let seconds = nanoseconds.floorSeconds
        date(seconds)
        fraction(UInt32(nanoseconds - seconds * 1_000_000_000))
        raw("Z\"")
    }

    package mutating func raw(_ text: StaticString) {
        text.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    package mutating func append(_ members: [UInt8]) {
        separate()
        bytes.append(contentsOf: members)
    }

    // MARK: -

    private mutating func key(_ name: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        raw(name)
        raw("\":")
    }

    private mutating func separate() {
        if let last = bytes.last, last != UInt8(ascii: "{"), last != UInt8(ascii: "[") {
            bytes.append(UInt8(ascii: ","))
        }
    }

    private mutating func decimal(_ number: UInt64) {
        let start = bytes.count
        var number = number
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
            number /= 10
        } while number > 0
        bytes[start...].reverse()
    }

    private mutating func padded(_ number: Int64, _ digits: Int) {
        var divisor: Int64 = 1
        for _ in 1..<digits { divisor *= 10 }
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / divisor % 10))
            divisor /= 10
        }
    }

    /// Days to a civil date in the proleptic Gregorian calendar, counted from 1 March of year 0, so that the leap day is a year's last.
    private mutating func date(_ seconds: Int64) {
        var days = seconds / 86400
        var rest = seconds % 86400
        if rest < 0 {
            rest += 86400
            days -= 1
        }
        days += 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let day = days - era * 146_097
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365
        let dayOfYear = day - (365 * year + year / 4 - year / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        padded(year + era * 400 + (month <= 2 ? 1 : 0), 4)
        raw("-")
        padded(month, 2)
        raw("-")
        padded(dayOfYear - (153 * shifted + 2) / 5 + 1, 2)
        raw("T")
        padded(rest / 3600, 2)
        raw(":")
        padded(rest / 60 % 60, 2)
        raw(":")
        padded(rest % 60, 2)
    }

    /// Three, six or nine digits, as many as are needed.
    private mutating func fraction(_ nanoseconds: UInt32) {
        guard nanoseconds != 0 else { return }
        raw(".")
        if nanoseconds % 1_000_000 == 0 {
            padded(Int64(nanoseconds / 1_000_000), 3)
        } else if nanoseconds % 1000 == 0 {
            padded(Int64(nanoseconds / 1000), 6)
        } else {
            padded(Int64(nanoseconds), 9)
        }
    }

    private mutating func quote(_ value: String) {
        bytes.append(UInt8(ascii: "\""))
        var value = value
        value.withUTF8 { text in
            if text.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") && $0 != 0x7F }) {
                bytes.append(contentsOf: text)
            } else {
                for byte in text { escape(byte) }
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): raw("\\\"")
        case UInt8(ascii: "\\"): raw("\\\\")
        case UInt8(ascii: "\n"): raw("\\n")
        case UInt8(ascii: "\r"): raw("\\r")
        case UInt8(ascii: "\t"): raw("\\t")
        case 0..<0x20, 0x7F:
            raw("\\u00")
            for nibble in [byte >> 4, byte & 15] {
                bytes.append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
            }
        default: bytes.append(byte)
        }
    }
}
