// SPDX-License-Identifier: Apache-2.0
import Synchronization

/// Which containers there are, and in each program with rows for some of them the lists that say so.
///
/// Called by the thread that learns of containers, before it answers who told, and by the manager: a lock, and system
/// calls of microseconds under it.
package final class PolicyScopes: Sendable {
    private struct Member {
        var policy: PolicyKey
        var rule: ScopeRule
    }

    private struct Program {
        let lists: any ContainerLists
        let room: Int
        /// By slot.
        var members: [UInt32: Member] = [:]
        /// What the kernel has been told.
        var written: [UInt64: [UInt32]] = [:]
        var isCrowded = false

        var includesHost: Bool { members.values.contains { $0.rule.includesHost } }
    }

    private struct State {
        var containers: [UInt64: ScopedContainer] = [:]
        var programs: [ObjectIdentifier: Program] = [:]
        /// Containers that a policy does not hold in although it should.
        var troubles: [PolicyKey: [UInt64: String]] = [:]
        var crowded: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    package init() {}

    // MARK: Containers

    /// A container has come, or more is known of it. From the return on every policy holds in it that should.
    /// - Returns: what went wrong, for the log.
    @discardableResult package func set(_ cgroup: UInt64, _ container: ScopedContainer) -> [String] {
        let (problems, crowded) = state.withLock { state -> ([String], (@Sendable () -> Void)?) in
            guard state.containers[cgroup] != container else { return ([], nil) }
            state.containers[cgroup] = container
            var problems: [String] = []
            for id in state.programs.keys {
                do { try Self.update(id, cgroup, &state) } catch { problems.append("\(error)") }
            }
            return (problems, Self.becameCrowded(&state) ? state.crowded : nil)
        }
        crowded?()
        return problems
    }

    package func remove(_ cgroup: UInt64) {
        state.withLock { state in
            guard state.containers.removeValue(forKey: cgroup) != nil else { return }
            for key in state.troubles.keys { state.troubles[key]?[cgroup] = nil }
            for id in state.programs.keys where state.programs[id]?.written.removeValue(forKey: cgroup) != nil {
                try? state.programs[id]?.lists.setList(nil, of: cgroup)
            }
        }
    }

    package var containerCount: Int { state.withLock { $0.containers.count } }

    /// What is wrong with a policy's scope now; nil if nothing is.
    package func trouble(of policy: PolicyKey) -> String? {
        state.withLock { state in
            guard let troubles = state.troubles[policy],
                let first = troubles.min(by: { $0.key < $1.key })
            else {
                return nil
            }
            return "does not hold in \(troubles.count) containers: \(first.value)"
        }
    }

    // MARK: Programs

    /// - Parameter crowded: called when a program's lists are nearly full.
    func whenCrowded(_ crowded: @escaping @Sendable () -> Void) { state.withLock { $0.crowded = crowded } }

    /// - Parameter room: for how many containers.
    func add(_ program: any ContainerLists, room: Int) {
        state.withLock { $0.programs[ObjectIdentifier(program)] = Program(lists: program, room: room) }
    }

    func drop(_ program: any ContainerLists) {
        state.withLock { $0.programs[ObjectIdentifier(program)] = nil }
    }

    struct Row {
        var slot: UInt32
        var policy: PolicyKey
        var rule: ScopeRule
    }

    /// Lets rows apply to those whom their rules include.
    func add(_ rows: [Row], in program: any ContainerLists) throws {
        try change(program) { members in
            for row in rows { members[row.slot] = Member(policy: row.policy, rule: row.rule) }
            return { container in rows.filter { $0.rule.applies(to: container) }.map(\.slot) }
        }
    }

    func remove(_ slot: UInt32, in program: any ContainerLists) throws {
        try change(program) { members in
            members[slot] = nil
            return { _ in [] }
        }
    }

    func forget(_ policy: PolicyKey) { state.withLock { $0.troubles[policy] = nil } }

    /// Programs whose lists are nearly full.
    func isCrowded(_ program: any ContainerLists) -> Bool {
        state.withLock { $0.programs[ObjectIdentifier(program)]?.isCrowded ?? false }
    }

    /// Containers of which a program knows which rows apply to them, and of how many it can.
    func lists(of program: any ContainerLists) -> (count: Int, room: Int) {
        state.withLock { state in
            state.programs[ObjectIdentifier(program)].map { ($0.written.count, $0.room) } ?? (0, 0)
        }
    }

    /// - Parameter body: changes the members, and returns which new ones a container, or nil for the host, has.
    private func change(
        _ program: any ContainerLists,
        _ body: (inout [UInt32: Member]) -> (ScopedContainer?) -> [UInt32]
    ) throws {
        try state.withLock { state in
            let id = ObjectIdentifier(program)
            guard var changed = state.programs[id] else { return }
            let before = changed.includesHost
            let fresh = body(&changed.members)
            state.programs[id] = changed
            // What was found before is not asked again: there may be a thousand policies.
            func slots(_ cgroup: UInt64, _ container: ScopedContainer?) -> [UInt32] {
                let kept = changed.written[cgroup]?.filter { changed.members[$0] != nil } ?? []
                let new = fresh(container)
                return new.isEmpty ? kept : Set(kept + new).sorted()
            }
            try Self.write(slots(0, nil), id, 0, &state)
            let isNews = before != changed.includesHost
            for (cgroup, container) in state.containers {
                let slots = slots(cgroup, container)
                if isNews || slots != changed.written[cgroup] ?? [] { try Self.write(slots, id, cgroup, &state) }
            }
        }
    }

    /// Tells the kernel which rows of a program apply to a container.
    private static func update(_ id: ObjectIdentifier, _ cgroup: UInt64, _ state: inout State) throws {
        guard let program = state.programs[id], let container = state.containers[cgroup] else { return }
        let slots = program.members.filter { $0.value.rule.applies(to: container) }.keys.sorted()
        try write(slots, id, cgroup, &state)
    }

    private static func write(
        _ slots: [UInt32], _ id: ObjectIdentifier, _ cgroup: UInt64, _ state: inout State
    ) throws {
        guard let program = state.programs[id] else { return }
        // Of whom nothing is said is the host's.
        let rows = slots.isEmpty && (cgroup == 0 || !program.includesHost) ? nil : slots
        guard rows != program.written[cgroup] else { return }
        do {
            try program.lists.setList(rows, of: cgroup)
        } catch {
            for slot in slots {
                guard let policy = program.members[slot]?.policy else { continue }
                state.troubles[policy, default: [:]][cgroup] = "\(error)"
            }
            throw error
        }
        state.programs[id]?.written[cgroup] = rows
        if !state.troubles.isEmpty {
            for slot in slots {
                program.members[slot].map { _ = state.troubles[$0.policy]?.removeValue(forKey: cgroup) }
            }
        }
    }

    private static func becameCrowded(_ state: inout State) -> Bool {
        var became = false
        for (id, program) in state.programs where !program.isCrowded && program.written.count * 4 > program.room * 3 {
            state.programs[id]?.isCrowded = true
            became = true
        }
        return became
    }
}
