// SPDX-License-Identifier: Apache-2.0

/// A point in time between the years 1 and 9999, as `google.protobuf.Timestamp`.
package struct Timestamp: Hashable, Comparable, Sendable {
    /// Since 1970-01-01T00:00:00Z.
    package let seconds: Int64
    /// 0 to 999,999,999, counted forwards.
    package let nanoseconds: Int32

    static let secondsRange: ClosedRange<Int64> = -62_135_596_800...253_402_300_799

    package init(seconds: Int64, nanoseconds: Int32) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// Nil when it is outside of the years 1 to 9999.
    init?(checking seconds: Int64, nanoseconds: Int32) {
        guard Self.secondsRange.contains(seconds), (0..<1_000_000_000).contains(nanoseconds) else { return nil }
        self.init(seconds: seconds, nanoseconds: nanoseconds)
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    func advanced(by span: Span) -> Timestamp? {
        var seconds = seconds + span.nanoseconds / 1_000_000_000
        var nanoseconds = Int64(nanoseconds) + span.nanoseconds % 1_000_000_000
        if nanoseconds < 0 {
            seconds -= 1
            nanoseconds += 1_000_000_000
        } else if nanoseconds >= 1_000_000_000 {
            seconds += 1
            nanoseconds -= 1_000_000_000
        }
        return Timestamp(checking: seconds, nanoseconds: Int32(nanoseconds))
    }

    /// Nil when it is more than a span holds.
    func since(_ other: Timestamp) -> Span? {
        Span(seconds: seconds - other.seconds, nanoseconds: Int64(nanoseconds) - Int64(other.nanoseconds))
    }
}

/// A length of time: CEL's duration. About ±292 years.
package struct Span: Hashable, Comparable, Sendable {
    package let nanoseconds: Int64

    static let zero = Span(nanoseconds: 0)

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Nil when out of range.
    init?(seconds: Int64, nanoseconds: Int64) {
        // The parts may have different signs, and one sign's sum may fit where the seconds alone do not.
        let carried = nanoseconds / 1_000_000_000
        let (whole, overflow) = seconds.addingReportingOverflow(carried)
        guard !overflow else { return nil }
        var seconds = whole
        var rest = nanoseconds % 1_000_000_000
        if seconds < 0, rest > 0 {
            seconds += 1
            rest -= 1_000_000_000
        }
        let (scaled, tooLong) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !tooLong else { return nil }
        let (sum, past) = scaled.addingReportingOverflow(rest)
        guard !past else { return nil }
        self.nanoseconds = sum
    }

    package static func < (left: Span, right: Span) -> Bool { left.nanoseconds < right.nanoseconds }
}
