// SPDX-License-Identifier: Apache-2.0

/// One `key=value` line of a log (logfmt). Values may come from an image or a stranger: whatever is not plain printable
/// ASCII is quoted and escaped, so that a value can neither start a line of its own nor speak to a terminal.
package struct LogLine {
    /// A longer value is cut here, and ends in `...`.
    package static let maximumValueLength = 512

    package private(set) var text = ""

    package init() {}

    package mutating func add(_ key: StaticString, _ value: String) {
        if !text.isEmpty {
            text += " "
        }
        key.withUTF8Buffer { text += String(decoding: $0, as: UTF8.self) }
        text += "="
        let bytes = value.utf8.prefix(Self.maximumValueLength)
        let cut = value.utf8.count > Self.maximumValueLength
        if !cut, !bytes.isEmpty, bytes.allSatisfy(Self.isPlain) {
            text += value
            return
        }
        text += "\""
        for byte in bytes {
            Self.escape(byte, into: &text)
        }
        text += cut ? "...\"" : "\""
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x21...0x7e).contains(byte) && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=")
            && byte != UInt8(ascii: "\\")
    }

    private static func escape(_ byte: UInt8, into text: inout String) {
        switch byte {
        case UInt8(ascii: "\""): text += "\\\""
        case UInt8(ascii: "\\"): text += "\\\\"
        case UInt8(ascii: "\n"): text += "\\n"
        case UInt8(ascii: "\r"): text += "\\r"
        case UInt8(ascii: "\t"): text += "\\t"
        case 0x20...0x7e: text.unicodeScalars.append(Unicode.Scalar(byte))
        default: text += "\\x" + hex(byte >> 4) + hex(byte & 15)
        }
    }

    private static func hex(_ nibble: UInt8) -> String {
        String(Unicode.Scalar(nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "a") + nibble - 10))
    }
}
