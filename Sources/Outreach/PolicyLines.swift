// SPDX-License-Identifier: Apache-2.0

/// A line a minute of each policy: what fails does so at each of its hits.
struct PolicyLines {
    private static let interval = Duration.seconds(60)
    /// Policies that are remembered; far more than there are.
    private static let most = 20_000

    private var policies: [String: (last: ContinuousClock.Instant, unsaid: UInt64)] = [:]

    /// nil if nothing is to be said now, else how often nothing was said since the last time.
    mutating func take(_ policy: String, at now: ContinuousClock.Instant) -> UInt64? {
        if let known = policies[policy], known.last + Self.interval > now {
            policies[policy]?.unsaid += 1
            return nil
        }
        if policies.count >= Self.most { policies = [:] }
        return policies.updateValue((now, 0), forKey: policy)?.unsaid ?? 0
    }
}
