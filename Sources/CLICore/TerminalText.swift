// SPDX-License-Identifier: Apache-2.0

/// Names and arguments are chosen by whoever starts a process, and a terminal obeys what it is sent. Nothing of them
/// may move the cursor, change colours, turn the direction of writing round or hide.
extension String {
    /// The text with every scalar that a terminal would act upon, or not show, written as an escape: `\n`, `\u{1b}`.
    package var terminalSafe: String {
        if utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return self }
        var safe = ""
        for scalar in unicodeScalars {
            if scalar.isTerminalSafe {
                safe.unicodeScalars.append(scalar)
            } else {
                safe += scalar.terminalEscape
            }
        }
        return safe
    }

    /// The text as one word of a line: safe, and in double quotes when it could be taken for something else, because it
    /// is empty or has spaces or quotes in it.
    package var terminalWord: String {
        if !isEmpty && !unicodeScalars.contains(where: { $0.properties.isWhitespace || $0 == "\"" }) {
            return terminalSafe
        }
        var quoted = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _ where scalar.isTerminalSafe: quoted.unicodeScalars.append(scalar)
            default: quoted += scalar.terminalEscape
            }
        }
        return quoted + "\""
    }
}

extension Unicode.Scalar {
    /// It shows as itself and does nothing else.
    var isTerminalSafe: Bool {
        if value >= 0x20 && value < 0x7f { return true }
        switch properties.generalCategory {
        // Control characters of both sets; formatting, among it all that concerns the direction of writing and
        // characters without width; line and paragraph separators; what has no meaning, or none that is agreed upon.
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
            return false
        // Spaces other than the usual one look like it, or like nothing.
        case .spaceSeparator:
            return false
        default:
            return true
        }
    }

    var terminalEscape: String {
        switch self {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        case "\0": "\\0"
        default: "\\u{\(String(value, radix: 16))}"
        }
    }
}

extension String {
    /// As much of the text as fits into so many columns, with a mark where it was cut. Sequences that colour it take no
    /// room and all stay, so that a colour ends.
    func cut(toColumns width: Int) -> String {
        var isSequence = false
        func isShown(_ character: Character) -> Bool {
            if character == "\u{1b}" { isSequence = true }
            defer { if character == "m" { isSequence = false } }
            return !isSequence
        }
        if count(where: isShown) <= width { return self }
        var room = max(0, width - 1)
        var cut = ""
        for character in self {
            if !isShown(character) {
                cut.append(character)
            } else if room > 0 {
                cut.append(character)
                room -= 1
                if room == 0 { cut.append("…") }
            }
        }
        return cut
    }
}
