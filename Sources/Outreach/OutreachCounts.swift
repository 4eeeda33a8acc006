// SPDX-License-Identifier: Apache-2.0
internal import Policies

/// What has become of what policies asked for.
package struct OutreachCounts: Sendable, Equatable {
    package enum Outcome: String, Sendable, CaseIterable {
        /// An answer came, whatever it says.
        case done
        case failed
        /// There was too much to do already.
        case dropped
        /// The agent may not reach the host.
        case refused
    }

    /// Of GetUrl.
    package private(set) var requests: [Outcome: UInt64] = [:]
    /// Of DnsLookup.
    package private(set) var lookups: [Outcome: UInt64] = [:]

    package init() {}

    mutating func add(_ action: Action, _ outcome: Outcome) {
        if case .getURL = action { requests[outcome, default: 0] += 1 } else { lookups[outcome, default: 0] += 1 }
    }
}
