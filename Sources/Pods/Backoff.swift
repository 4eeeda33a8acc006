// SPDX-License-Identifier: Apache-2.0

/// How long to wait after a failure: twice as long after each, and never all agents of a cluster at once.
struct Backoff {
    private let first: Duration
    private let longest: Duration
    private var next: Duration

    init(first: Duration, longest: Duration) {
        self.first = first
        self.longest = longest
        next = first
    }

    /// Between half of the time and all of it.
    mutating func wait() -> Duration {
        let time = next
        next = min(next * 2, longest)
        return time * Double.random(in: 0.5...1)
    }

    mutating func reset() { next = first }
}
