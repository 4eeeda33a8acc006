// SPDX-License-Identifier: Apache-2.0

/// What /proc/PID/stat says of a process (proc(5)).
package struct ProcessStat: Equatable, Sendable {
    /// A zombie, or on its way out.
    package let hasEnded: Bool
    /// The real parent's pid; 0 for init and for kernel threads.
    package let parent: UInt32
    /// When the process was forked, in clock ticks (1/100 s) of the boot clock. With its pid it names a process: no two
    /// that had the same number began in the same tick.
    package let startTime: UInt64

    /// Nil where the text is no such line.
    init?(_ text: [UInt8]) {
        // The name before it may hold anything, parentheses and spaces too.
        guard let name = text.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        // The first of these is the third of the line.
        let fields = text[(name + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 20)
        guard fields.count > 19, let state = fields[0].first, let parent = Self.number(fields[1]),
            let startTime = Self.number(fields[19])
        else { return nil }
        hasEnded = state == UInt8(ascii: "Z") || state == UInt8(ascii: "X")
        self.parent = UInt32(truncatingIfNeeded: parent)
        self.startTime = startTime
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        UInt64(String(decoding: digits, as: UTF8.self))
    }
}
