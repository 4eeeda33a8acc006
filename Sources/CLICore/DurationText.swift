// SPDX-License-Identifier: Apache-2.0

extension Duration {
    /// Reads `2s`, `500ms`, `1m`, `1h`, or a number of seconds. Nil for anything else, for nothing at all, and for what
    /// is longer than a day.
    package init?(parsing text: String) {
        let digits = text.prefix { ("0"..."9").contains($0) }
        guard let number = Int64(digits), number > 0, number <= 86_400_000 else { return nil }
        let duration: Duration
        switch text[digits.endIndex...] {
        case "ms": duration = .milliseconds(number)
        case "s", "": duration = .seconds(number)
        case "m": duration = .seconds(number * 60)
        case "h": duration = .seconds(number * 3600)
        default: return nil
        }
        guard duration <= .seconds(86_400) else { return nil }
        self = duration
    }

    package var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}

/// How long to wait before each attempt: twice as long as before the last one, up to a bound.
package struct Backoff: Sendable {
    private let first: Duration
    private let longest: Duration
    private var next: Duration

    package init(first: Duration, longest: Duration = .seconds(60)) {
        self.first = first
        self.longest = max(first, longest)
        next = first
    }

    package mutating func wait() -> Duration {
        defer { next = min(next * 2, longest) }
        return next
    }

    /// It has worked: the next failure is a new one.
    package mutating func reset() { next = first }
}
