// SPDX-License-Identifier: Apache-2.0

/// When to use colours.
package enum ColorChoice: String, CaseIterable, Sendable {
    /// When the output is a terminal, unless NO_COLOR or TERM=dumb asks for none.
    case auto
    case always
    case never

    package func isColored(isTerminal: Bool, environment: [String: String]) -> Bool {
        switch self {
        case .always: true
        case .never: false
        case .auto:
            isTerminal && environment["NO_COLOR", default: ""].isEmpty && environment["TERM"] != "dumb"
        }
    }
}

/// Paints words, or leaves them as they are.
struct Palette {
    var isColored: Bool

    enum Ink: String {
        case red = "31"
        case green = "32"
        case yellow = "1;33"
        case blue = "34"
        case magenta = "35"
        case cyan = "36"
        case bold = "1"
    }

    func paint(_ text: String, _ ink: Ink) -> String {
        isColored && !text.isEmpty ? "\u{1b}[\(ink.rawValue)m\(text)\u{1b}[0m" : text
    }
}
