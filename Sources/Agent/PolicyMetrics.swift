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
        addSelectors(of: list)
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

    /// The first that there are have names, the others are one.
    private mutating func addSelectors(of policies: [PolicyStatus]) {
        var series: [(values: [String], count: Double)] = []
        var (named, others) = (0, PolicyCounts())
        for policy in policies {
            for hook in policy.hooks {
                for account in hook.accounts {
                    named += 1
                    guard named <= Catalogue.mostSelectors else {
                        others += account.counts
                        continue
                    }
                    let names = [
                        "\(policy.key)", "\(hook.origin)", String(hook.name.prefix(Self.longestName)),
                        account.selector.map { "\($0)" } ?? "",
                    ]
                    for (action, count) in account.counts.byAction where count > 0 {
                        series.append((names + [action], count))
                    }
                }
            }
            others += policy.earlierCounts
        }
        add(
            Catalogue.selectorActions, ofSelectors: series,
            others: others.byAction.filter { $0.value > 0 }.map { ($0.key, $0.value) })
    }

    private static let longestName = 128
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
