// SPDX-License-Identifier: Apache-2.0

/// Bounds on expressions that strangers write.
package struct Limits: Sendable {
    /// Bytes of an expression.
    package var sourceSize = 64 << 10
    /// How deep operators, calls and brackets may be in each other. A row of `||` or `&&` counts once, whatever its
    /// length. A debug build takes up to 15 KiB of the thread's stack for a level.
    package var depth = 100
    /// Bytes of a regular expression.
    package var patternSize = 4 << 10
    /// Regular expressions in one expression.
    package var patterns = 32
    /// Bytes of a compiled regular expression and of what matching it caches.
    package var patternMemory = 1 << 20
    /// Steps of one evaluation: about one for each operator, call and element visited, for each 16 bytes of text looked
    /// at or made, and for each 64 bytes of a message that is looked through for a field.
    package var cost = 100_000

    /// Whether patterns may be made while an expression is evaluated. Compiling one takes far longer than its steps say.
    package var makesPatterns = true
    /// Whether messages may be written out. Making one takes as long as all of its fields are large.
    package var makesMessages = true

    package init() {}
}
