// SPDX-License-Identifier: Apache-2.0

/// What is missing from a stream of events.
package struct Loss: Sendable, Equatable {
    /// The raw values are the API's EventLoss.Cause.
    package enum Cause: UInt32, Sendable {
        case ringFull = 1
        case malformed = 2
        case missed = 3
        case slowClient = 4
    }

    package struct Gap: Sendable, Equatable {
        package let cause: Cause
        /// Where it happened; nil where that is not known.
        package let cpu: UInt32?
        package internal(set) var count: UInt64

        package init(_ cause: Cause, cpu: UInt32? = nil, count: UInt64) {
            self.cause = cause
            self.cpu = cpu
            self.count = count
        }
    }

    package private(set) var gaps: [Gap]

    package init(_ gaps: [Gap] = []) { self.gaps = gaps }

    package var isEmpty: Bool { gaps.isEmpty }

    /// One gap for each cause and processor.
    package mutating func add(_ gap: Gap) {
        if let known = gaps.firstIndex(where: { $0.cause == gap.cause && $0.cpu == gap.cpu }) {
            gaps[known].count += gap.count
        } else if gap.count > 0 {
            gaps.append(gap)
        }
    }
}
