// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A log line in the making: `key=value` pairs, or members of a JSON object.
struct LogLine {
    private let format: LogFormat
    private var text = ""

    init(format: LogFormat) { self.format = format }

    mutating func append(_ key: String, _ value: String) {
        switch format {
        case .text:
            if !text.isEmpty { text += " " }
            text += Self.isPlain(key) ? key : "_"
            text += "="
            text += Self.isPlain(value) ? value : Self.quoted(value)
        case .json:
            text += text.isEmpty ? "{" : ","
            text += Self.quoted(key) + ":" + Self.quoted(value)
        }
    }

    /// The whole line, with its newline.
    consuming func finished() -> [UInt8] {
        if format == .json { text += "}" }
        text += "\n"
        return Array(text.utf8)
    }

    /// Whether a value needs no quotes in logfmt: visible ASCII without the characters that delimit.
    static func isPlain(_ value: String) -> Bool {
        !value.isEmpty && value.utf8.allSatisfy { (0x21...0x7e).contains($0) && $0 != 0x22 && $0 != 0x3d && $0 != 0x5c }
    }

    /// A JSON string. Besides what JSON demands, C1 controls, bidirectional marks and line separators are escaped: they
    /// change what a terminal shows.
    static func quoted(_ value: String) -> String {
        var result = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            default:
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator:
                    for unit in String(scalar).utf16 {
                        let digits = String(unit, radix: 16)
                        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                    }
                default: result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }

    /// Now, in UTC with milliseconds, as RFC 3339 writes it.
    static func timestamp() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        gmtime_r(&now.tv_sec, &parts)
        func padded(_ number: some BinaryInteger, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = "\(padded(parts.tm_year + 1900, 4))-\(padded(parts.tm_mon + 1, 2))-\(padded(parts.tm_mday, 2))"
        let time = "\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2))"
        return "\(date)T\(time).\(padded(now.tv_nsec / 1_000_000, 3))Z"
    }
}
