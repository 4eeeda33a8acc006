// SPDX-License-Identifier: Apache-2.0
package import Policies
import Synchronization

/// All policies: what they are, and what the kernel has of them.
///
/// One change after the other, each whole or not at all. Whoever lists them waits for none of it.
package actor PolicyManager {
    /// What it needs of the rest of the agent.
    package struct Surroundings: Sendable {
        package var plan: @Sendable (TracingPolicy) throws -> PolicyPlan
        /// Where a policy holds; nil: everywhere.
        package var scope: @Sendable (PolicyPlan) -> ScopeRule?
        /// Returns when records of these hooks are understood.
        package var learn: @Sendable ([HookDescription]) async -> Void
        /// None comes any more of these rows.
        package var forget: @Sendable ([UInt32]) async -> Void
        /// What is mapped to be run is told of, and where.
        package var loads: LoadWatching
        /// How long a record may be on its way.
        package var flight: Duration

        package init(
            plan: @escaping @Sendable (TracingPolicy) throws -> PolicyPlan,
            scope: @escaping @Sendable (PolicyPlan) -> ScopeRule? = { ScopeRule($0.scope) },
            learn: @escaping @Sendable ([HookDescription]) async -> Void,
            forget: @escaping @Sendable ([UInt32]) async -> Void, loads: LoadWatching = .none,
            flight: Duration = .seconds(10)
        ) {
            self.plan = plan
            self.scope = scope
            self.learn = learn
            self.forget = forget
            self.loads = loads
            self.flight = flight
        }
    }

    /// Of a node. Each has a row in its hooks' programs, which every call there looks at.
    package static let maximumPolicies = 10_000

    private struct Entry {
        var status: PolicyStatus
        /// nil: there is only an error.
        var policy: TracingPolicy?
        var hooks: [LoadedHook] = []
        var enforcers: [any PolicyEnforcing] = []
        /// What is mapped to be run is told; nil: not by this one.
        var loads: LoadRule?
        /// Other than the policy's text says.
        var mode: PolicyOptions.Mode?
        /// Why it cannot enforce what it says.
        var obstacles: [String] = []

        /// Something of it is in the kernel.
        var holds: Bool { !hooks.isEmpty || loads != nil }
    }

    private let thread = SerialThread("apus-policies")
    private let surroundings: Surroundings
    private let scopes: PolicyScopes
    let table: ProgramTable
    package nonisolated let meters: PolicyMeters
    private let kernel: any PolicyKernel
    private var leftovers: Leftovers
    private var entries: [PolicyKey: Entry] = [:]
    private var lastID: UInt64 = 0
    private var lastFilter: UInt64 = 0
    private var isStopped = false
    private var turn: Task<Void, Never>?
    private let published = Mutex<[PolicyStatus]>([])

    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    package init(_ kernel: sending any PolicyKernel, scopes: PolicyScopes, _ surroundings: Surroundings) {
        self.surroundings = surroundings
        self.scopes = scopes
        let table = ProgramTable(kernel, scopes)
        self.table = table
        self.kernel = kernel
        meters = table.meters
        let leftovers = Leftovers(kernel)
        self.leftovers = leftovers
        lastID = leftovers.lastID
        published.withLock { $0 = leftovers.statuses }
        scopes.whenCrowded { [weak self] in Task { try? await self?.makeRoom() } }
    }

    /// By id.
    package nonisolated var list: [PolicyStatus] {
        let accounts = meters.accounts
        return published.withLock { $0 }.map { status in
            var status = status
            status.tell(accounts[status.key] ?? PolicyAccount())
            if status.state == .enabled, status.source != .earlierAgent, let trouble = scopes.trouble(of: status.key) {
                status.state = .error
                status.error = trouble
            }
            status.state = status.refinedState
            return status
        }
    }

    // MARK: What can be asked for

    /// Loads the one policy of a text. What is no policy leaves nothing behind.
    package func add(_ yaml: String) async throws { try await add(try PolicyReader.policy(of: yaml)) }

    /// Loads a policy that is not there, or whose loading failed.
    package func add(_ policy: TracingPolicy, from source: PolicySource = .client) async throws {
        try await inTurn { manager in
            let key = PolicyKey(policy)
            if let present = manager.entries[key], present.status.state != .loadError {
                throw PolicyManagerError.exists(key)
            }
            try await manager.enter(policy, from: source)
        }
    }

    /// Loads a policy in the place of the one of its name, if there is one: no call is seen by both or by neither. Where
    /// that fails, what was there goes on to hold.
    package func replace(_ policy: TracingPolicy, from source: PolicySource) async throws {
        try await inTurn { manager in
            if let present = manager.entries[PolicyKey(policy)], present.policy == policy,
                present.status.state == .enabled, present.status.source == source
            {
                return
            }
            try await manager.enter(policy, from: source)
        }
    }

    package func delete(_ key: PolicyKey) async throws {
        try await inTurn { manager in try await manager.remove(key) }
    }

    /// Loads a policy that was disabled.
    package func enable(_ key: PolicyKey) async throws {
        try await inTurn { manager in
            let entry = try manager.entry(key)
            guard entry.status.state == .disabled, let policy = entry.policy else {
                throw PolicyManagerError.isNotDisabled(key)
            }
            try await manager.load(policy, key)
        }
    }

    /// Unloads a policy and keeps its text.
    package func disable(_ key: PolicyKey) async throws {
        try await inTurn { manager in
            let entry = try manager.entry(key)
            guard entry.status.isLoaded else { throw PolicyManagerError.isNotEnabled(key) }
            try await manager.unload(key)
            manager.set(key, .disabled)
        }
    }

    /// Lets a policy do what it says, or only say so. Holds as long as the policy is there.
    package func setMode(_ mode: PolicyOptions.Mode, of key: PolicyKey) async throws {
        try await inTurn { manager in
            let entry = try manager.entry(key)
            guard mode == .monitor || entry.obstacles.isEmpty else {
                throw PolicyManagerError.cannotEnforce(key, entry.obstacles)
            }
            try manager.table.setMonitored(mode == .monitor, entry.hooks)
            manager.entries[key]?.mode = mode
            manager.entries[key]?.status.mode = mode
            manager.publish()
        }
    }

    /// What somebody brought cannot be read: what it was before goes on to hold, and is listed with this error.
    ///
    /// - Parameter key: what is listed where nothing was before.
    package func note(_ error: String, of source: PolicySource, as key: PolicyKey) async throws {
        try await inTurn { manager in
            let theirs = manager.entries.filter { $0.value.status.source == source }.map(\.key)
            for key in theirs {
                if manager.entries[key]?.status.isLoaded == true { manager.entries[key]?.status.state = .error }
                manager.entries[key]?.status.error = error
            }
            if theirs.isEmpty, manager.entries[key] == nil {
                try manager.create(key, source)
                manager.set(key, .loadError, error)
            }
            manager.publish()
        }
    }

    /// Which policies somebody has brought.
    package func keys(from source: PolicySource) -> [PolicyKey] {
        entries.filter { $0.value.status.source == source }.map(\.key).sorted()
    }

    /// Lets go what earlier agents have left, but for policies whose successors could not be loaded: nothing, while there
    /// is something of which nobody knows what policies it has.
    /// - Returns: which.
    package func releaseLeftovers() async throws -> [PolicyKey] {
        try await inTurn { manager in
            if manager.entries.values.contains(where: { $0.policy == nil }) { return [] }
            let keys = manager.leftovers.statuses.map(\.key).filter {
                manager.entries[$0].map { $0.status.state != .loadError } ?? true
            }
            for key in keys { manager.leftovers.release(key) }
            manager.publish()
            return keys
        }
    }

    /// Detaches everything, unless it is to stay, and takes nothing any more.
    package func stop() async {
        try? await inTurn { manager in
            manager.isStopped = true
            // The agent alone tells of mapped files.
            for key in manager.entries.keys { manager.entries[key]?.loads = nil }
            await manager.watchLoads()
            if manager.kernel.leaveEverything() { return }
            let change = try manager.table.prepare(
                adding: [], removing: manager.entries.values.flatMap(\.hooks),
                manager.entries.values.flatMap(\.enforcers))
            try manager.table.commit(change)
            manager.table.finish(change)
        }
    }

    // MARK: How it is done

    /// One after the other, also where one waits.
    private func inTurn<Result: Sendable>(
        _ body: @escaping @Sendable (isolated PolicyManager) async throws -> Result
    ) async throws -> Result {
        let before = turn
        let task = Task {
            await before?.value
            if isStopped { throw PolicyManagerError.stopped }
            return try await body(self)
        }
        turn = Task { _ = await task.result }
        return try await task.value
    }

    private func enter(_ policy: TracingPolicy, from source: PolicySource) async throws {
        let key = PolicyKey(policy)
        if entries[key] == nil { try create(key, source) }
        entries[key]?.status.source = source
        if entries[key]?.status.state == .disabled {
            let old = entries[key]?.policy
            entries[key]?.policy = policy
            settle(key, old, policy)
            entries[key]?.status.hooks = DeclaredHook.all(of: policy.spec).map { HookStatus($0) }
            return publish()
        }
        try await load(policy, key)
    }

    private func create(_ key: PolicyKey, _ source: PolicySource) throws {
        guard entries.count < Self.maximumPolicies else {
            throw PolicyManagerError.tooMany(limit: Self.maximumPolicies)
        }
        lastID += 1
        entries[key] = Entry(status: PolicyStatus(id: lastID, key: key, source: source, state: .loading))
    }

    private func remove(_ key: PolicyKey) async throws {
        let isLeft = leftovers.release(key)
        guard isLeft || entries[key] != nil else { throw PolicyManagerError.unknown(key) }
        try await unload(key)
        entries[key] = nil
        meters.forget(key)
        publish()
    }

    private func entry(_ key: PolicyKey) throws -> Entry {
        guard let entry = entries[key] else {
            throw leftovers.contains(key) ? PolicyManagerError.isLeftover(key) : .unknown(key)
        }
        return entry
    }

    /// Puts a policy into the kernel, and what is there of the name out of it.
    private func load(_ policy: TracingPolicy, _ key: PolicyKey) async throws {
        let old = entries[key]?.hooks ?? []
        let isFirst = entries[key]?.holds != true
        if isFirst { set(key, .loading) }
        do {
            let plan = try surroundings.plan(policy)
            let mode = entries[key]?.mode
            if mode == .enforce, !plan.obstacles.isEmpty {
                throw PolicyManagerError.cannotEnforce(key, plan.obstacles)
            }
            let scope = surroundings.scope(plan)
            if plan.watchesLoads { try await surroundings.loads.prepare() }
            let change = try table.prepare(
                adding: plan.hooks.map {
                    HookLoad(plan: $0, policy: key, scope: scope, isMonitored: mode.map { $0 == .monitor })
                }, enforcers: plan.enforcers, removing: old, entries[key]?.enforcers ?? [])
            await surroundings.learn(change.added.map { $0.plan.description.with(row: $0.row) })
            do {
                try table.commit(change)
            } catch {
                table.undo(change)
                await surroundings.forget(change.added.map(\.row))
                throw error
            }
            let before = entries[key]?.policy
            entries[key]?.policy = policy
            entries[key]?.hooks = change.added
            entries[key]?.enforcers = change.enforcers
            entries[key]?.obstacles = plan.obstacles
            entries[key]?.loads = plan.watchesLoads ? LoadRule(scope: scope) : nil
            await watchLoads()
            describe(key, plan, mode ?? policy.spec.options.mode ?? .enforce, isScoped: scope != nil)
            // What an earlier agent left of it is not needed any more.
            leftovers.release(key)
            clearAway(change)
            settle(key, before, policy)
            set(key, .enabled)
        } catch {
            // What was there still holds.
            await watchLoads()
            set(key, isFirst ? .loadError : .error, isFirst ? "\(error)" : "not replaced: \(error)")
            if isFirst {
                entries[key]?.policy = policy
                entries[key]?.status.hooks = PolicyStatus.hooks(of: DeclaredHook.all(of: policy.spec), without: error)
                publish()
                scopes.forget(key)
            }
            throw PolicyManagerError.notLoaded(key, "\(error)")
        }
    }

    private func unload(_ key: PolicyKey) async throws {
        guard let entry = entries[key], entry.holds else { return }
        let hooks = entry.hooks
        set(key, .unloading)
        do {
            let change = try table.prepare(adding: [], removing: hooks, entries[key]?.enforcers ?? [])
            do { try table.commit(change) } catch {
                table.undo(change)
                throw error
            }
            entries[key]?.hooks = []
            entries[key]?.enforcers = []
            entries[key]?.loads = nil
            entries[key]?.status.hooks = DeclaredHook.all(of: entry.policy?.spec ?? PolicySpec()).map { HookStatus($0) }
            await watchLoads()
            clearAway(change)
            scopes.forget(key)
        } catch {
            set(key, .error, "not unloaded: \(error)")
            throw PolicyManagerError.notLoaded(key, "\(error)")
        }
    }

    /// What is mapped to be run is told where one of the policies asks for it.
    private func watchLoads() async { await surroundings.loads.watch(entries.values.compactMap(\.loads)) }

    /// A program's lists of containers are nearly full.
    private func makeRoom() async throws {
        try await inTurn { manager in
            let change = try manager.table.prepare(adding: [], growing: manager.table.crowded)
            do { try manager.table.commit(change) } catch {
                manager.table.undo(change)
                throw error
            }
            manager.clearAway(change)
            manager.publish()
        }
    }

    /// Once no call looks at them any more: in their turn, for what comes next may need the room.
    private func clearAway(_ change: ProgramTable.Change) {
        table.finish(change)
        let rows = change.removed.map(\.row)
        guard !rows.isEmpty else { return }
        let (forget, flight) = (surroundings.forget, surroundings.flight)
        Task {
            try? await Task.sleep(for: flight)
            await forget(rows)
        }
    }

    private func describe(_ key: PolicyKey, _ plan: PolicyPlan, _ mode: PolicyOptions.Mode, isScoped: Bool) {
        guard var status = entries[key]?.status else { return }
        var seen: Set<String> = []
        let remarks = plan.remarks + plan.hooks.flatMap(\.remarks)
        status.info = remarks.filter { seen.insert($0).inserted }.joined(separator: "; ")
        status.hooks = PolicyStatus.hooks(of: plan)
        status.sensors = plan.hooks.map(\.sensorName) + (plan.watchesLoads ? ["loader"] : [])
        status.mode = mode
        status.canEnforce = plan.obstacles.isEmpty
        if !isScoped {
            status.filterID = 0
        } else if status.filterID == 0 {
            lastFilter += 1
            status.filterID = lastFilter
        }
        entries[key]?.status = status
    }

    /// Hooks that are in both texts of a policy go on counting, what others counted is of none any more.
    private func settle(_ key: PolicyKey, _ old: TracingPolicy?, _ new: TracingPolicy) {
        guard let old, old.spec != new.spec else { return }
        let before = Dictionary(DeclaredHook.all(of: old.spec).map { ($0.origin, $0.name) }) { $1 }
        let staying = DeclaredHook.all(of: new.spec).filter { before[$0.origin] == $0.name }
        meters.keep(Dictionary(staying.map { ($0.origin, $0.accounts) }) { $1 }, of: key)
    }

    private func set(_ key: PolicyKey, _ state: PolicyStatus.State, _ error: String = "") {
        entries[key]?.status.state = state
        entries[key]?.status.error = error
        publish()
    }

    private func publish() {
        let watching = entries.values.count { $0.loads != nil }
        let memoryOfLoads = watching == 0 ? 0 : surroundings.loads.kernelMemory() / UInt64(watching)
        let all = entries.values.map { entry in
            var status = entry.status
            status.kernelMemory = entry.hooks.reduce(0) { $0 + ($1.placement?.group.memoryPerRow ?? 0) }
            if entry.loads != nil { status.kernelMemory += memoryOfLoads }
            return status
        }
        published.withLock { $0 = (all + leftovers.statuses).sorted { $0.id < $1.id } }
    }
}

extension HookDescription {
    func with(row: UInt32) -> HookDescription {
        HookDescription(
            row: row, policy: policy, namespace: namespace, place: place, message: message, tags: tags,
            arguments: arguments, returnArgument: returnArgument, actions: actions, returnActions: returnActions)
    }
}
