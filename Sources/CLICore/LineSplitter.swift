// SPDX-License-Identifier: Apache-2.0

/// Cuts bytes that come in pieces into lines, and keeps no more of one than it may have.
package struct LineSplitter: Sendable {
    /// Longer than any event: two processes with all their arguments, every byte of them escaped.
    package static let longestLine = 8 << 20

    private let longest: Int
    private var beginning: [UInt8] = []
    /// The line is too long already; what still comes of it is thrown away.
    private var isSkipping = false

    /// A line of the text, or that there was one too long to keep.
    package enum Line: Equatable, Sendable {
        case text([UInt8])
        case tooLong
    }

    package init(longest: Int = LineSplitter.longestLine) {
        self.longest = longest
    }

    /// Takes the next piece and returns the lines that end in it, without their ends.
    package mutating func split(_ piece: some Sequence<UInt8>) -> [Line] {
        var lines: [Line] = []
        for byte in piece {
            if byte == UInt8(ascii: "\n") {
                lines.append(takeLine())
            } else if beginning.count < longest {
                if !isSkipping { beginning.append(byte) }
            } else {
                isSkipping = true
                beginning = []
            }
        }
        return lines
    }

    /// The last line, if there is one without an end.
    package mutating func finish() -> Line? {
        isSkipping || !beginning.isEmpty ? takeLine() : nil
    }

    private mutating func takeLine() -> Line {
        defer {
            beginning = []
            isSkipping = false
        }
        if isSkipping { return .tooLong }
        if beginning.last == UInt8(ascii: "\r") { beginning.removeLast() }
        return .text(beginning)
    }
}
