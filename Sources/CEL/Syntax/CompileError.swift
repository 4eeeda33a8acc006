// SPDX-License-Identifier: Apache-2.0

/// Why an expression is none.
package struct CompileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// From 1; columns count code points.
    package let line: Int
    package let column: Int
    /// A sentence, without a full stop.
    package let message: String

    package var description: String { "\(line):\(column): \(message)" }
}

/// A complaint about a place in the source, before that is put into lines and columns.
struct SourceError: Error {
    let position: Int
    let message: String

    init(_ position: Int, _ message: String) {
        self.position = position
        self.message = message
    }

    func located(in source: [UInt8]) -> CompileError {
        let before = source.prefix(position)
        let start = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        return CompileError(
            line: before.count { $0 == UInt8(ascii: "\n") } + 1,
            column: before[start...].count { $0 & 0xC0 != 0x80 } + 1, message: message)
    }
}
