// SPDX-License-Identifier: Apache-2.0

/// JSON to write: members stay in order, so that the text is always the same.
package indirect enum JSON: Sendable {
    case object([(String, JSON)])
    case array([JSON])
    case string(String)
    case integer(Int64)
    case boolean(Bool)
    /// As it is written.
    case literal(String)

    /// On one line.
    package var line: String {
        var text = ""
        write(to: &text, newline: nil)
        return text
    }

    /// Over several lines, indented by two spaces; what fits is on one.
    package var lines: String {
        var text = ""
        write(to: &text, newline: "\n")
        return text + "\n"
    }

    private func write(to text: inout String, newline: String?) {
        switch self {
        case .object(let members):
            Self.write(members, "{", "}", to: &text, newline) { member, text, newline in
                text += Self.quoted(member.0) + ": "
                member.1.write(to: &text, newline: newline)
            }
        case .array(let elements):
            Self.write(elements, "[", "]", to: &text, newline) { $0.write(to: &$1, newline: $2) }
        case .string(let value): text += Self.quoted(value)
        case .integer(let value): text += String(value)
        case .boolean(let value): text += String(value)
        case .literal(let value): text += value
        }
    }

    private static func write<Element>(
        _ elements: [Element], _ open: String, _ close: String, to text: inout String, _ newline: String?,
        _ write: (Element, inout String, String?) -> Void
    ) {
        var newline = newline
        if newline != nil {
            // Short ones are easier to read in one piece.
            var short = ""
            self.write(elements, open, close, to: &short, nil, write)
            if short.utf8.count <= 72 { newline = nil }
        }
        let inner = newline.map { $0 + "  " }
        text += open
        for (index, element) in elements.enumerated() {
            if index > 0 { text += inner == nil ? ", " : "," }
            text += inner ?? ""
            write(element, &text, inner)
        }
        if !elements.isEmpty { text += newline ?? "" }
        text += close
    }

    private static func quoted(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"", "\\": text += "\\\(scalar)"
            case _ where isPlain(scalar): text.unicodeScalars.append(scalar)
            default:
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16, uppercase: true)
                    text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
                }
            }
        }
        return text + "\""
    }

    /// What a terminal shows, and does nothing else with.
    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        case .spaceSeparator: scalar == " "
        default: true
        }
    }
}
