// SPDX-License-Identifier: Apache-2.0
import CRecords
import Policies
import PolicyEngine
import Sensors
import Synchronization

/// A kernel that keeps what it is told, and fails when it is told to.
final class FakeKernel: PolicyKernel, Sendable {
    struct Refusal: Error, CustomStringConvertible { let description: String }

    struct State {
        var generation: UInt32 = 0
        var handovers: [Handover] = []
        var programs: [FakeProgram] = []
        var enforcers: [FakeEnforcer] = []
        /// How often it was waited for calls.
        var waits = 0
        var binarySets: [UInt32: BinarySetContent] = [:]
        var leftovers: [PinnedPolicy] = []
        var keepsEverything = false
        /// The next so many steps succeed; nil: all.
        var steps: Int?
    }

    let state = Mutex(State())

    /// Counts down to a failure.
    func step(_ what: String) throws {
        try state.withLock { state in
            guard let steps = state.steps else { return }
            guard steps > 0 else { throw Refusal(description: "no \(what) today") }
            state.steps = steps - 1
        }
    }

    func failAfter(_ steps: Int?) { state.withLock { $0.steps = steps } }

    var programs: [FakeProgram] { state.withLock { $0.programs } }
    var attached: [FakeProgram] { programs.filter { $0.now.isAttached } }
    var handovers: [Handover] { state.withLock { $0.handovers } }
    var generation: UInt32 { state.withLock { $0.generation } }
    var waits: Int { state.withLock { $0.waits } }
    var binarySets: [UInt32: BinarySetContent] { state.withLock { $0.binarySets } }

    func load(_ hook: HookPlan, at places: [HookPlan.Place], room: PolicyCapacity) throws -> any PolicyRows {
        try step("program")
        let program = FakeProgram(self, places, room)
        state.withLock { $0.programs.append(program) }
        return program
    }

    func loadEnforcer(_ plan: EnforcerPlan, number: UInt32) throws -> [any PolicyEnforcing] {
        try step("enforcer")
        let enforcer = FakeEnforcer(self)
        state.withLock { $0.enforcers.append(enforcer) }
        return [enforcer]
    }

    var enforcers: [FakeEnforcer] { state.withLock { $0.enforcers }.filter { $0.isAttached.withLock { $0 } } }

    func setGeneration(_ generation: UInt32, _ handover: Handover?) throws {
        try step("generation")
        state.withLock {
            $0.generation = generation
            if let handover { $0.handovers.append(handover) }
        }
    }

    func awaitCalls() { state.withLock { $0.waits += 1 } }

    func fill(binarySet number: UInt32, with content: BinarySetContent) throws {
        try step("binary set")
        state.withLock { $0.binarySets[number] = content }
    }

    func empty(binarySet number: UInt32, of content: BinarySetContent) {
        state.withLock { $0.binarySets[number] = nil }
    }

    var leftovers: [PinnedPolicy] { state.withLock { $0.leftovers } }

    func release(_ leftover: PinnedOwner) -> Bool {
        state.withLock { state in
            let before = state.leftovers.count
            state.leftovers.removeAll { $0.owner == leftover }
            return state.leftovers.count < before
        }
    }

    func leaveEverything() -> Bool { state.withLock { $0.keepsEverything } }

    /// The rows that hold in attached programs, each with what its first operand names.
    var holding: [Holding] {
        let generation = generation
        return attached.flatMap { program in
            program.now.rows.filter { $0.value.from <= generation && generation < $0.value.until }.map { slot, row in
                Holding(
                    row: row.id, place: program.place(of: slot), isMonitored: row.is_monitored != 0,
                    content: program.now.sets[UInt32(truncatingIfNeeded: row.operands.0.0.a)])
            }
        }.sorted { $0.row < $1.row }
    }

    struct Holding: Equatable {
        var row: UInt32
        var place: HookPlan.Place
        var isMonitored: Bool
        var content: SetContent?
    }
}

final class FakeEnforcer: PolicyEnforcing, Sendable {
    let isAttached = Mutex(false)
    private let kernel: FakeKernel

    init(_ kernel: FakeKernel) { self.kernel = kernel }

    func attach() throws {
        try kernel.step("enforcer")
        isAttached.withLock { $0 = true }
    }

    func detach() { isAttached.withLock { $0 = false } }
}

final class FakeProgram: PolicyRows, Sendable {
    struct State {
        var rows: [UInt32: pol_row] = [:]
        var owners: [UInt32: PolicyKey] = [:]
        var sets: [UInt32: SetContent] = [:]
        var lists: [UInt64: [UInt32]] = [:]
        var isAttached = false
        /// By slot, selector and enum pol_count.
        var counts: [UInt32: [[UInt64]]] = [:]
        var misses = PolicyMisses()
    }

    let places: [HookPlan.Place]
    let room: PolicyCapacity
    private let kernel: FakeKernel
    private let state = Mutex(State())

    var now: State { state.withLock { $0 } }

    init(_ kernel: FakeKernel, _ places: [HookPlan.Place], _ room: PolicyCapacity) {
        self.kernel = kernel
        self.places = places
        self.room = room
    }

    /// Each has as many of the rows.
    func place(of slot: UInt32) -> HookPlan.Place { places[Int(slot) / (room.rows / places.count)] }

    func setRow(_ slot: UInt32, _ row: pol_row) throws {
        // What is taken back always can be.
        if row.id != 0, row.until == .max { try kernel.step("row") }
        state.withLock { $0.rows[slot] = row.id == 0 ? nil : row }
    }

    func setOwner(_ slot: UInt32, _ policy: PolicyKey) throws {
        try kernel.step("owner")
        state.withLock { $0.owners[slot] = policy }
    }

    func insert(_ content: SetContent, as set: UInt32) throws {
        try kernel.step("set")
        state.withLock { $0.sets[set] = content }
    }

    func remove(_ content: SetContent, as set: UInt32) {
        state.withLock { state in if state.sets[set] == content { state.sets[set] = nil } }
    }

    func setList(_ rows: [UInt32]?, of cgroup: UInt64) throws {
        if rows != nil { try kernel.step("list") }
        state.withLock { $0.lists[cgroup] = rows }
    }

    func attach() throws {
        try kernel.step("attachment")
        state.withLock { $0.isAttached = true }
    }

    func retire() {}
    func detach() { state.withLock { $0.isAttached = false } }

    var kernelMemory: UInt64 { 1024 * UInt64(room.rows) }

    func counts(of slot: UInt32) -> [[UInt64]] { now.counts[slot] ?? [] }
    func clearCounts(of slot: UInt32) throws { state.withLock { $0.counts[slot] = nil } }
    var misses: PolicyMisses { now.misses }

    /// Something is counted for a selector of a row.
    func count(_ what: pol_count, _ count: UInt64 = 1, row: UInt32, selector: Int = 0) {
        state.withLock { state in
            guard let slot = state.rows.first(where: { $0.value.id == row })?.key else { return }
            let none = [[UInt64]](
                repeating: [UInt64](repeating: 0, count: Int(POL_COUNT_SIZE.rawValue)),
                count: Int(POL_SELECTORS_MAX.rawValue))
            state.counts[slot, default: none][selector][Int(what.rawValue)] += count
        }
    }

    func miss(_ misses: PolicyMisses) { state.withLock { $0.misses += misses } }
}

/// Policies made by hand, a hook a place.
enum Samples {
    /// Versions differ in what has no effect.
    static func policy(_ name: String, namespace: String? = nil, version: Int = 1) -> TracingPolicy {
        TracingPolicy(
            scope: namespace.map { .namespace($0) } ?? .cluster, name: name, labels: ["version": "\(version)"],
            spec: PolicySpec())
    }

    static func container(_ name: String, namespace: String = "n") -> ScopedContainer {
        ScopedContainer(namespace: namespace, name: name)
    }

    /// A hook that looks for one of some texts in its first value.
    static func hook(
        _ policy: String, at place: HookPlan.Place = .tracepoint(subsystem: "syscalls", event: "sys_enter_openat"),
        texts: [String], shape change: (inout pol_shape) -> Void = { _ in }
    ) -> HookPlan {
        var shape = pol_shape()
        shape.selectors = 1
        shape.arguments.0 = pol_argument(
            type: UInt8(POL_STRING.rawValue), raw: 0, size_raw: 0, flags: UInt8(POL_FILTERED.rawValue), offset: 24,
            max: 4096)
        shape.at_entry.0.filters.0 = pol_filter(
            what: UInt8(POL_BYTES.rawValue), index: 0, op: UInt8(POL_IN.rawValue), pad: 0)
        change(&shape)
        var hook = HookPlan(
            place: place, method: .tracepoint, reason: "", shape: shape, row: pol_row(),
            description: HookDescription(
                row: 0, policy: policy, namespace: "", place: .tracepoint(subsystem: "s", event: "e"), message: "",
                tags: [], arguments: [], returnArgument: nil, actions: [], returnActions: []))
        hook.sets = [.texts(texts.map { Array($0.utf8) })]
        hook.references = [OperandReference(selector: 0, filter: 0, set: 0, isBinary: false)]
        return hook
    }
}

/// A manager, what it was told of its policies' plans, and what it told.
struct ManagerBench {
    let kernel: FakeKernel
    let scopes = PolicyScopes()
    let manager: PolicyManager
    let plans: Plans
    let told = Told()

    final class Plans: Sendable {
        struct State {
            var hooks: [String: [HookPlan]] = [:]
            var rules: [String: ScopeRule] = [:]
            var leftOut: [String: Set<HookOrigin>] = [:]
            /// Why there is no plan of any.
            var error: PlanError?
            /// Policies that want to be told what is mapped to be run.
            var loaders: Set<String> = []
        }
        let state = Mutex(State())
    }

    final class Told: Sendable {
        let rows = Mutex<(learnt: [UInt32], forgotten: [UInt32])>(([], []))
        /// How many policies want to be told of mapped files; nil while nothing is prepared for any.
        let loaders = Mutex<[Int?]>([])
        /// Only what changes is kept.
        func watch(_ count: Int) {
            loaders.withLock { loaders in
                let now = count == 0 ? nil : count
                if (loaders.last ?? nil) != now { loaders.append(now) }
            }
        }

        var learnt: [UInt32] { rows.withLock { $0.learnt } }
        var forgotten: [UInt32] { rows.withLock { $0.forgotten } }
    }

    /// - Parameter leftovers: what agents before have left.
    init(_ leftovers: [PinnedPolicy] = []) {
        kernel = FakeKernel()
        kernel.state.withLock { $0.leftovers = leftovers }
        let (plans, told) = (Plans(), told)
        self.plans = plans
        manager = PolicyManager(
            kernel, scopes: scopes,
            .init(
                plan: { policy in
                    if let error = plans.state.withLock({ $0.error }) { throw error }
                    guard let hooks = plans.state.withLock({ $0.hooks[policy.name] }) else {
                        throw FakeKernel.Refusal(description: "no plan")
                    }
                    var plan = PolicyPlan(policy)
                    plan.hooks = hooks
                    plan.leftOut = plans.state.withLock { $0.leftOut[policy.name] ?? [] }
                    plan.watchesLoads = plans.state.withLock { $0.loaders.contains(policy.name) }
                    return plan
                },
                scope: { plan in plans.state.withLock { $0.rules[plan.policy.name] } },
                learn: { hooks in told.rows.withLock { $0.learnt += hooks.map(\.row) } },
                forget: { rows in told.rows.withLock { $0.forgotten += rows } },
                loads: LoadWatching(
                    prepare: { [kernel] in
                        try kernel.step("perf event")
                        told.loaders.withLock { if $0.last != .some(.some(0)) { $0.append(0) } }
                    },
                    watch: { rules in told.watch(rules.count) }, kernelMemory: { 4096 }),
                flight: .milliseconds(1)))
    }

    func plan(
        _ name: String, _ hooks: [HookPlan], where rule: ScopeRule? = nil, loader: Bool = false,
        leftOut: Set<HookOrigin> = []
    ) {
        plans.state.withLock {
            $0.leftOut[name] = leftOut
            $0.loaders = loader ? $0.loaders.union([name]) : $0.loaders.subtracting([name])
            $0.hooks[name] = hooks
            $0.rules[name] = rule
        }
    }

    func status(_ name: String) -> PolicyStatus? { manager.list.first { $0.key.name == name } }
}
