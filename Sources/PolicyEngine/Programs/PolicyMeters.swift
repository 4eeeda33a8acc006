// SPDX-License-Identifier: Apache-2.0
import Sensors
import Synchronization

/// What all policies' hooks have done, and what the kernel kept from them: of programs and rows that are there, read
/// when somebody asks, and of those that have gone, kept.
///
/// For every thread: whoever asks waits for no program that is being loaded.
package final class PolicyMeters: Sendable {
    private struct Meter {
        let policy: PolicyKey
        let hook: HookOrigin
        let program: ObjectIdentifier
        let slot: UInt32
        /// What the program had missed when the row came into it.
        let missedBefore: UInt64
    }

    private struct State {
        var programs: [ObjectIdentifier: any PolicyRows] = [:]
        /// By row id; while hooks move, both of their places count.
        var meters: [UInt32: [Meter]] = [:]
        var gone: [PolicyKey: PolicyAccount] = [:]
        var goneMisses = PolicyMisses()
        /// Of policies that were deleted.
        var forgotten = PolicyCounts()
    }

    private let state = Mutex(State())

    /// Hooks hold in rows whose counts began with 0, of programs that are attached.
    func begin(_ hooks: [(hook: LoadedHook, at: Placement)]) {
        state.withLock { state in
            var missed: [ObjectIdentifier: UInt64] = [:]
            for (hook, placement) in hooks {
                let program = placement.group.program
                let id = ObjectIdentifier(program)
                state.programs[id] = program
                state.meters[hook.row, default: []].append(
                    Meter(
                        policy: hook.policy, hook: hook.plan.origin, program: id, slot: placement.slot,
                        missedBefore: Self.missed(program, &missed)))
            }
        }
    }

    /// They hold there no more, and their rows are about to be others'.
    func end(_ hooks: [(hook: LoadedHook, at: Placement)]) {
        state.withLock { state in
            var ended: [Meter] = []
            for (hook, placement) in hooks {
                let id = ObjectIdentifier(placement.group.program)
                guard
                    let index = state.meters[hook.row]?.firstIndex(where: {
                        $0.program == id && $0.slot == placement.slot
                    }), let meter = state.meters[hook.row]?.remove(at: index)
                else { continue }
                if state.meters[hook.row]?.isEmpty == true { state.meters[hook.row] = nil }
                ended.append(meter)
            }
            var gone = state.gone
            Self.add(ended, state.programs, to: &gone)
            state.gone = gone
        }
    }

    /// Of what has many rows it takes many system calls: asked once.
    private static func missed(_ program: any PolicyRows, _ known: inout [ObjectIdentifier: UInt64]) -> UInt64 {
        let id = ObjectIdentifier(program)
        if let missed = known[id] { return missed }
        let missed = program.misses.total
        known[id] = missed
        return missed
    }

    /// A program is about to go.
    func drop(_ program: any PolicyRows) {
        state.withLock { state in
            guard state.programs.removeValue(forKey: ObjectIdentifier(program)) != nil else { return }
            state.goneMisses += program.misses
        }
    }

    /// A policy has been deleted: its next one of the name begins with 0.
    func forget(_ policy: PolicyKey) {
        state.withLock { state in
            if let account = state.gone.removeValue(forKey: policy) { state.forgotten += account.total }
        }
    }

    /// A policy has another text: see ``PolicyAccount/keep(_:)``.
    func keep(_ hooks: [HookOrigin: Int], of policy: PolicyKey) {
        state.withLock { $0.gone[policy]?.keep(hooks) }
    }

    /// Of each policy that has, or had, a hook.
    package var accounts: [PolicyKey: PolicyAccount] { state.withLock { Self.accounts($0) } }

    /// Of all policies that there were.
    package var total: PolicyCounts {
        state.withLock { state in
            Self.accounts(state).values.reduce(into: state.forgotten) { $0 += $1.total }
        }
    }

    /// Of all programs that there were.
    package var misses: PolicyMisses {
        state.withLock { state in
            state.programs.values.reduce(into: state.goneMisses) { $0 += $1.misses }
        }
    }

    private static func accounts(_ state: State) -> [PolicyKey: PolicyAccount] {
        var accounts = state.gone
        add(Array(state.meters.values.joined()), state.programs, to: &accounts)
        return accounts
    }

    private static func add(
        _ meters: [Meter], _ programs: [ObjectIdentifier: any PolicyRows],
        to accounts: inout [PolicyKey: PolicyAccount]
    ) {
        struct Share: Hashable {
            let policy: PolicyKey
            let program: ObjectIdentifier
        }
        var missed: [ObjectIdentifier: UInt64] = [:]
        // What a program missed counts once for a policy, however many of its hooks are in it.
        var shares: [Share: UInt64] = [:]
        for meter in meters {
            guard let program = programs[meter.program] else { continue }
            accounts[meter.policy, default: PolicyAccount()].add(
                program.counts(of: meter.slot).map { PolicyCounts($0) }, of: meter.hook)
            let all = Self.missed(program, &missed)
            let share = Share(policy: meter.policy, program: meter.program)
            shares[share] = max(shares[share] ?? 0, all >= meter.missedBefore ? all - meter.missedBefore : 0)
        }
        for (share, missed) in shares { accounts[share.policy, default: PolicyAccount()].miss(missed) }
    }
}
