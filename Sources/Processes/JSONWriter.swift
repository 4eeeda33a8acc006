// SPDX-License-Identifier: Apache-2.0

/// Writes the members of a JSON object in protobuf's JSON form: default values left out, 64-bit numbers as strings,
/// times as RFC 3339.
package struct JSONWriter: ~Copyable {
    private var bytes: ByteBuilder

    package init(capacity: Int = 0) { bytes = ByteBuilder(capacity: capacity) }

    package consuming func finish() -> [UInt8] { bytes.finish() }

    package mutating func string(_ name: StaticString, _ value: String) {
        guard !value.isEmpty else { return }
        key(name)
        quote(value)
    }

    /// Present even when empty.
    package mutating func text(_ name: StaticString, _ value: String) {
        key(name)
        quote(value)
    }

    /// A number of at most 32 bits, present even when zero.
    package mutating func integer(_ name: StaticString, _ value: Int64) {
        key(name)
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        bytes.decimal(value.magnitude)
    }

    /// A number of 64 bits, present even when zero.
    package mutating func long(_ name: StaticString, _ digits: String) {
        key(name)
        quote(digits)
    }

    package mutating func strings(_ name: StaticString, _ values: [String]) {
        guard !values.isEmpty else { return }
        array(name) {
            for value in values {
                $0.separate()
                $0.quote(value)
            }
        }
    }

    /// Bytes as base64, present even when there are none.
    package mutating func data(_ name: StaticString, _ value: [UInt8]) {
        key(name)
        quote(value.withUnsafeBufferPointer { ExecIDMaker.base64($0) })
    }

    /// An entry of a map, whose keys are anybody's.
    package mutating func entry(_ name: String, _ value: String) {
        separate()
        quote(name)
        bytes.append(UInt8(ascii: ":"))
        quote(value)
    }

    package mutating func number(_ name: StaticString, _ value: UInt32) {
        guard value != 0 else { return }
        wrapped(name, value)
    }

    /// A wrapper type: present even when zero.
    package mutating func wrapped(_ name: StaticString, _ value: UInt32) {
        key(name)
        bytes.decimal(UInt64(value))
    }

    package mutating func bool(_ name: StaticString, _ value: Bool) {
        key(name)
        bytes.append(value ? "true" : "false")
    }

    package mutating func quoted(_ name: StaticString, _ value: UInt64) {
        guard value != 0 else { return }
        key(name)
        bytes.append(UInt8(ascii: "\""))
        bytes.decimal(value)
        bytes.append(UInt8(ascii: "\""))
    }

    /// An enum's value.
    package mutating func name(_ name: StaticString, _ value: StaticString) {
        key(name)
        bytes.append(UInt8(ascii: "\""), value, "\"")
    }

    package mutating func names(_ name: StaticString, _ values: [StaticString]) {
        guard !values.isEmpty else { return }
        key(name)
        bytes.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            bytes.append(index == 0 ? "\"" : ",\"")
            bytes.append(value)
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(UInt8(ascii: "]"))
    }

    /// A value that is JSON already.
    package mutating func value(_ name: StaticString, _ json: [UInt8]) {
        key(name)
        bytes.append(json)
    }

    /// The names of a set's bits, by number; what has no name is left out.
    package mutating func names(_ name: StaticString, _ names: [StaticString], bitsOf set: UInt64) {
        guard set != 0 else { return }
        key(name)
        bytes.append(UInt8(ascii: "["))
        for (bit, name) in names.enumerated() where set >> UInt64(bit) & 1 == 1 {
            if bytes.last != UInt8(ascii: "[") { bytes.append(UInt8(ascii: ",")) }
            bytes.append(UInt8(ascii: "\""), name, "\"")
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
            $0.bytes.append(members)
            more(&$0)
        }
    }

    package mutating func array(_ name: StaticString, _ fill: (inout JSONWriter) -> Void) {
        key(name)
        bytes.append(UInt8(ascii: "["))
        fill(&self)
        bytes.append(UInt8(ascii: "]"))
    }

    /// An object of an array.
    package mutating func element(_ fill: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(UInt8(ascii: "{"))
        fill(&self)
        bytes.append(UInt8(ascii: "}"))
    }

    /// An array of objects whose members are there already.
    package mutating func objects(_ name: StaticString, members: [[UInt8]]) {
        guard !members.isEmpty else { return }
        key(name)
        bytes.append(UInt8(ascii: "["))
        for (index, members) in members.enumerated() {
            bytes.append(index == 0 ? "{" : ",{")
            bytes.append(members)
            bytes.append(UInt8(ascii: "}"))
        }
        bytes.append(UInt8(ascii: "]"))
    }

    package mutating func timestamp(_ name: StaticString, _ nanoseconds: Int64) {
        key(name)
        bytes.append(UInt8(ascii: "\""))
        let seconds = nanoseconds.floorSeconds
        date(seconds)
        fraction(UInt64(nanoseconds &- seconds &* 1_000_000_000))
        bytes.append("Z\"")
    }

    package mutating func raw(_ text: StaticString) { bytes.append(text) }

    package mutating func append(_ members: [UInt8]) {
        separate()
        bytes.append(members)
    }

    // MARK: -

    private mutating func key(_ name: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""), name, "\":")
    }

    private mutating func separate() {
        if let last = bytes.last, last != UInt8(ascii: "{"), last != UInt8(ascii: "[") {
            bytes.append(UInt8(ascii: ","))
        }
    }

    /// Days to a civil date in the proleptic Gregorian calendar, counted from 1 March of year 0, so that the leap day is
    /// a year's last.
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
        bytes.padded(UInt64(year + era * 400 + (month <= 2 ? 1 : 0)), 4)
        bytes.append(UInt8(ascii: "-"))
        bytes.pair(month, UInt8(ascii: "-"))
        bytes.pair(dayOfYear - (153 * shifted + 2) / 5 + 1, UInt8(ascii: "T"))
        bytes.pair(rest / 3600, UInt8(ascii: ":"))
        bytes.pair(rest / 60 % 60, UInt8(ascii: ":"))
        bytes.padded(UInt64(rest % 60), 2)
    }

    /// Three, six or nine digits, as many as are needed.
    private mutating func fraction(_ nanoseconds: UInt64) {
        guard nanoseconds != 0 else { return }
        bytes.append(UInt8(ascii: "."))
        if nanoseconds % 1_000_000 == 0 {
            bytes.padded(nanoseconds / 1_000_000, 3)
        } else if nanoseconds % 1000 == 0 {
            bytes.padded(nanoseconds / 1000, 6)
        } else {
            bytes.padded(nanoseconds, 9)
        }
    }

    private mutating func quote(_ value: String) {
        bytes.append(UInt8(ascii: "\""))
        var value = value
        value.withUTF8 { text in
            // What needs no escape goes in one piece, up to what does.
            var start = 0
            for (index, byte) in text.enumerated() where Self.needsEscape[Int(byte)] {
                bytes.append(UnsafeBufferPointer(rebasing: text[start..<index]))
                escape(byte)
                start = index + 1
            }
            bytes.append(UnsafeBufferPointer(rebasing: text[start...]))
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static let needsEscape: [Bool] = (0...255).map {
        $0 < 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\")
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): bytes.append("\\\"")
        case UInt8(ascii: "\\"): bytes.append("\\\\")
        case UInt8(ascii: "\n"): bytes.append("\\n")
        case UInt8(ascii: "\r"): bytes.append("\\r")
        case UInt8(ascii: "\t"): bytes.append("\\t")
        default:
            bytes.append("\\u00")
            for nibble in [byte >> 4, byte & 15] {
                bytes.append(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10)
            }
        }
    }
}
