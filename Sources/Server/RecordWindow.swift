// SPDX-License-Identifier: Apache-2.0

/// Records since some moment.
package struct RecordCounts: Sendable, Equatable {
    package var received: UInt64
    package var lost: UInt64
    package var malformed: UInt64

    package init(received: UInt64 = 0, lost: UInt64 = 0, malformed: UInt64 = 0) {
        self.received = received
        self.lost = lost
        self.malformed = malformed
    }
}

/// Remembers how far the counts were a minute ago. Told of them whenever they may have moved, and asked at any time.
package struct RecordWindow: Sendable {
    private struct Sample {
        var time: UInt64
        var counts: RecordCounts
    }

    private static let length: UInt64 = 60_000_000_000
    private static let spacing: UInt64 = 5_000_000_000

    /// Oldest first. The last one is always the newest word, the others are apart.
    private var samples: [Sample] = [Sample(time: 0, counts: RecordCounts())]

    package init() {}

    /// - Parameter now: ns of a clock that does not go back.
    package mutating func note(_ counts: RecordCounts, at now: UInt64) {
        let sample = Sample(time: now, counts: counts)
        let last = samples.count - 1
        if last > 0, now &- samples[last - 1].time < Self.spacing {
            samples[last] = sample
        } else {
            samples.append(sample)
        }
        // One from before the minute stays: it says where the minute began.
        let begin = now < Self.length ? 0 : now - Self.length
        while samples.count > 1, samples[1].time <= begin { samples.removeFirst() }
    }

    /// What came in the last minute, to within five seconds.
    package func lastMinute(at now: UInt64) -> RecordCounts {
        guard let newest = samples.last, var before = samples.first else { return RecordCounts() }
        let begin = now < Self.length ? 0 : now - Self.length
        for sample in samples where sample.time <= begin { before = sample }
        return RecordCounts(
            received: newest.counts.received &- before.counts.received, lost: newest.counts.lost &- before.counts.lost,
            malformed: newest.counts.malformed &- before.counts.malformed)
    }
}
