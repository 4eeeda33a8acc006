// SPDX-License-Identifier: Apache-2.0

/// What became of the events that a subscriber passes on to where they can get lost, as a disk.
package struct Outcome: Sendable, Equatable {
    package var written: UInt64 = 0
    /// Above a rate that the operator has set.
    package var withheld: UInt64 = 0
    /// Not written, by cause, in the system's words.
    package var failed: [String: UInt64] = [:]

    package init() {}

    package var allFailed: UInt64 { failed.values.reduce(0, +) }

    package static func += (sum: inout Outcome, more: Outcome) {
        sum.written += more.written
        sum.withheld += more.withheld
        sum.failed.merge(more.failed, uniquingKeysWith: +)
    }
}
