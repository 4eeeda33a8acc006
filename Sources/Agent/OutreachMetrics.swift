// SPDX-License-Identifier: Apache-2.0
import Metrics
import Outreach

/// What became of what policies asked of the agent, as metrics.
extension Exposition {
    mutating func add(_ counts: OutreachCounts) {
        add(Catalogue.policyRequests, counts.requests.map { ($0.key.rawValue, Double($0.value)) })
        add(Catalogue.policyLookups, counts.lookups.map { ($0.key.rawValue, Double($0.value)) })
    }
}
