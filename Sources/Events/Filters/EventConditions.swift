// SPDX-License-Identifier: Apache-2.0

/// event_set: the event is of one of these kinds.
struct EventSetCondition: EventCondition {
    let kinds: Set<Int>

    func holds(for event: Event) -> Bool { kinds.contains(event.kind.rawValue) }
}

/// policy_names: the event comes from one of these policies.
struct PolicyCondition: EventCondition {
    let names: Set<String>

    func holds(for event: Event) -> Bool { event.policyName.map(names.contains) ?? false }
}
