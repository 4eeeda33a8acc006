// SPDX-License-Identifier: Apache-2.0
internal import Processes
internal import RE2

/// pid: the process has one of these pids on the host.
struct PidCondition: EventCondition {
    let pids: Set<UInt32>

    func holds(for event: Event) -> Bool { event.process.map { pids.contains($0.pid) } ?? false }
}

/// pid_set: so has the process, or one that it descends from.
struct DescendantCondition: EventCondition {
    let pids: Set<UInt32>

    func holds(for event: Event) -> Bool {
        guard let process = event.process else { return false }
        return pids.contains(process.pid) || event.parent.map { pids.contains($0.pid) } ?? false
            || event.ancestors.contains { pids.contains($0.pid) }
    }
}

/// in_init_tree: the process descends from its container's entrypoint, or does not.
struct InitTreeCondition: EventCondition {
    let isWanted: Bool

    func holds(for event: Event) -> Bool { event.process.map { $0.inInitTree == isWanted } ?? false }
}

/// health_check: the process or its parent may be a probe of the kubelet's, or neither is.
struct HealthCheckCondition: EventCondition {
    let isWanted: Bool

    func holds(for event: Event) -> Bool {
        guard let process = event.process else { return false }
        return (process.maybeExecProbe || event.parent?.maybeExecProbe ?? false) == isWanted
    }
}

/// One of these matches somewhere in the text.
struct ExpressionList: Sendable {
    let expressions: [RegularExpression]

    func match(_ text: String) -> Bool { expressions.contains { $0.matches(text) } }
}

/// binary_regex
struct BinaryCondition: EventCondition {
    let expressions: ExpressionList

    func holds(for event: Event) -> Bool { event.process.map { expressions.match($0.binary) } ?? false }
}

/// parent_binary_regex
struct ParentBinaryCondition: EventCondition {
    let expressions: ExpressionList

    func holds(for event: Event) -> Bool { event.parent.map { expressions.match($0.binary) } ?? false }
}

/// ancestor_binary_regex: so does the binary of one of those above the parent.
struct AncestorBinaryCondition: EventCondition {
    let expressions: ExpressionList

    func holds(for event: Event) -> Bool { event.ancestors.contains { expressions.match($0.binary) } }
}

/// arguments_regex
struct ArgumentsCondition: EventCondition {
    let expressions: ExpressionList

    func holds(for event: Event) -> Bool { event.process.map { expressions.match($0.arguments) } ?? false }
}

/// parent_arguments_regex
struct ParentArgumentsCondition: EventCondition {
    let expressions: ExpressionList

    func holds(for event: Event) -> Bool { event.parent.map { expressions.match($0.arguments) } ?? false }
}
