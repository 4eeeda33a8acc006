// SPDX-License-Identifier: Apache-2.0

/// What a policy's hooks have counted.
package struct PolicyAccount: Sendable, Equatable {
    /// Of each selector; of a hook that has none, one.
    private var hooks: [HookOrigin: [PolicyCounts]] = [:]
    /// Of hooks that the policy has no more.
    private var earlier = PolicyCounts()
    /// See ``PolicyCounts/missed``.
    private var missed: UInt64 = 0

    package init() {}

    /// - Parameter counts: of each selector.
    mutating func add(_ counts: [PolicyCounts], of hook: HookOrigin) {
        var sums = hooks[hook] ?? []
        for (index, counts) in counts.enumerated() {
            if sums.indices.contains(index) { sums[index] += counts } else { sums.append(counts) }
        }
        hooks[hook] = sums
    }

    /// See ``PolicyCounts/missed``.
    mutating func miss(_ calls: UInt64) { missed &+= calls }

    /// The policy is another from here on.
    ///
    /// - Parameter kept: hooks that go on counting, and how many selectors each has now.
    mutating func keep(_ kept: [HookOrigin: Int]) {
        for (hook, counts) in hooks {
            let stays = kept[hook] ?? 0
            for counts in counts.dropFirst(stays) { earlier += counts }
            hooks[hook] = stays == 0 ? nil : Array(counts.prefix(stays))
        }
    }

    /// A hook's counts are told with it, and are no more of the rest.
    mutating func move(into status: inout HookStatus) {
        let counts = hooks.removeValue(forKey: status.origin) ?? []
        for (index, counts) in counts.enumerated() {
            if status.accounts.indices.contains(index) {
                status.accounts[index].counts = counts
            } else {
                earlier += counts
            }
        }
    }

    /// Without what was missed, which is no selector's.
    var rest: PolicyCounts { hooks.values.joined().reduce(into: earlier) { $0 += $1 } }

    package var total: PolicyCounts {
        var total = rest
        total.missed = missed
        return total
    }
}
