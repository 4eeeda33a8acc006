// SPDX-License-Identifier: Apache-2.0
import Metrics
import PolicyEngine

extension Exposition {
    /// What the policies are, what their hooks did, and what came of it.
    mutating func add(_ policies: PolicyManager, _ events: Writer.EventCounts) {
        let list = policies.list
        add(
            Catalogue.policiesLoaded,
            zip(Catalogue.policiesLoaded.label?.values ?? [], PolicyStatus.State.allCases).map { word, state in
                (word, Double(list.count { $0.state == state }))
            })
        add(Catalogue.policyMemory, ofPolicies: list.map { ("\($0.key)", Double($0.kernelMemory)) })
        add(Catalogue.policyActions, policies.meters.total.byAction)
        add(
            Catalogue.policyEvents,
            ofPolicies: events.policies.sorted { $0.key < $1.key }.map { ("\($0.key)", Double($0.value)) },
            more: Double(events.otherPolicies))
        let misses = policies.meters.misses
        add(
            Catalogue.policyMisses,
            [
                "recursion": Double(misses.recursion), "probe": Double(misses.probe), "busy": Double(misses.busy),
                "returns": Double(misses.returns),
            ])
        add(Catalogue.unnamedStacks, events.unnamedStacks)
    }
}

extension PolicyCounts {
    /// In the words of the API.
    fileprivate var byAction: KeyValuePairs<String, Double> {
        [
            "post": Double(posts), "nopost": Double(unposted), "rate_limited": Double(limited),
            "signal": Double(signals), "monitor_signal": Double(monitoredSignals), "override": Double(overrides),
            "monitor_override": Double(monitoredOverrides), "notify_enforcer": Double(notices),
            "monitor_notify_enforcer": Double(monitoredNotices), "signal_failed": Double(failedSignals),
            "notify_enforcer_failed": Double(failedNotices), "hash_failed": Double(failedHashes),
        ]
    }
}
