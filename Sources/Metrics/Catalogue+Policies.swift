// SPDX-License-Identifier: Apache-2.0

/// What policies are and do. Where a label names them, as `namespace/name`, the first five hundred have a series each,
/// and the others one together: what a cluster's owners write is no bound. Selectors are named in the same way.
extension Catalogue {
    /// How many policies a label names.
    package static let mostPolicies = 500
    /// How many selectors are named, of all policies; each has a series for each thing that it has done.
    package static let mostSelectors = 500
    /// No policy can be called so.
    package static let otherPolicies = "(others)"

    package static let policiesLoaded = MetricFamily(
        "apus_tracingpolicy_loaded", .gauge, "Policies, by their state.",
        by: .init(
            "state",
            [
                "enabled", "disabled", "load_error", "error", "loading", "unloading", "skipped", "partially_enabled",
            ]))
    package static let policyMemory = MetricFamily(
        "apus_tracingpolicy_kernel_memory_bytes", .gauge,
        "Memory of the kernel's programs and maps; of what policies share, a part for each.", by: .init("policy"))
    private static let actions = [
        "post", "nopost", "rate_limited", "signal", "monitor_signal", "override", "monitor_override",
        "notify_enforcer", "monitor_notify_enforcer", "signal_failed", "notify_enforcer_failed", "hash_failed",
    ]
    package static let policyActions = MetricFamily(
        "apus_tracingpolicy_actions_total", .counter,
        "What the hooks of all policies did: events, signals, overrides, notices; what monitor mode kept back; what failed.",
        by: .init("action", actions))
    package static let selectorActions = MetricFamily(
        "apus_tracingpolicy_selector_actions_total", .counter,
        "What each selector of the policies that there are did; what it never did has no series.",
        by: .init("policy"), .init("hook"), .init("name"), .init("selector"), .init("action"))
    package static let policyEvents = MetricFamily(
        "apus_policy_events_total", .counter, "Events of policies.", by: .init("policy"))
    package static let policyMisses = MetricFamily(
        "apus_policy_missed_total", .counter, "Calls that policies' programs were to see and did not, by cause.",
        by: .init("cause", ["recursion", "probe", "busy", "returns"]))
    package static let unnamedStacks = MetricFamily(
        "apus_stacks_unnamed_total", .counter, "Events whose stack traces left before their places had names.")

    static let ofPolicies = [
        policiesLoaded, policyMemory, policyActions, selectorActions, policyEvents, policyMisses, unnamedStacks,
    ]
}
