// SPDX-License-Identifier: Apache-2.0

/// Cuts a stream of bytes into lines of bounded length.
struct LineSplitter {
    private let limit: Int
    private var pending: [UInt8] = []
    /// Inside a line that is too long, its end is awaited.
    private var isSkipping = false
    /// Lines that were longer than the limit and left out.
    private(set) var skipped = 0

    init(limit: Int) { self.limit = limit }

    /// Takes the next bytes; returns the lines that end in them, without their ends and without empty ones.
    mutating func take(_ bytes: some Collection<UInt8>) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var rest = bytes[...]
        while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
            append(rest[..<newline])
            if !isSkipping, !pending.isEmpty { lines.append(pending) }
            pending.removeAll(keepingCapacity: pending.capacity <= 64 << 10)
            isSkipping = false
            rest = rest[rest.index(after: newline)...]
        }
        append(rest)
        return lines
    }

    private mutating func append(_ bytes: some Collection<UInt8>) {
        guard !isSkipping else { return }
        if bytes.count > limit - pending.count {
            isSkipping = true
            skipped += 1
            pending = []
        } else {
            pending += bytes
        }
    }
}
