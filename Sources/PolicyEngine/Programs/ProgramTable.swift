// SPDX-License-Identifier: Apache-2.0
import CRecords
import Policies
import Sensors

/// The programs of all policies, and the one word that says which of their rows hold.
///
/// A change is prepared beside what holds, then it holds in one step, then what it has replaced is cleared away: what
/// was prepared can be undone without anybody having seen it.
final class ProgramTable {
    /// Rows hold until somebody says otherwise.
    private static let forEver = UInt32.max

    private let kernel: any PolicyKernel
    let scopes: PolicyScopes
    private(set) var groups: [GroupKey: ProgramGroup] = [:]
    private(set) var binarySets = BinaryNumbers()
    private(set) var generation: UInt32 = 0
    private var lastRow: UInt32 = 0
    private var places: [PlaceKey: UInt32] = [:]
    private var lastPlace: UInt32 = 0
    private var lastProgram: UInt32 = 0
    private var lastEnforcer: UInt32 = 0
    let meters = PolicyMeters()

    init(_ kernel: any PolicyKernel, _ scopes: PolicyScopes) {
        self.kernel = kernel
        self.scopes = scopes
    }

    /// Something that will hold from a generation on.
    final class Change {
        let generation: UInt32
        fileprivate(set) var added: [LoadedHook] = []
        let removed: [LoadedHook]
        /// Where hooks will be; those that move, too.
        fileprivate var placed: [(hook: LoadedHook, at: Placement)] = []
        /// Where hooks will be no more.
        fileprivate var ended: [(hook: LoadedHook, at: Placement)] = []
        /// What acts where hooks decide, of the policy that comes and of the one that goes.
        fileprivate(set) var enforcers: [any PolicyEnforcing] = []
        fileprivate let oldEnforcers: [any PolicyEnforcing]
        fileprivate var newGroups: [ProgramGroup] = []
        fileprivate var oldGroups: [ProgramGroup] = []

        fileprivate init(
            _ generation: UInt32, removing removed: [LoadedHook], _ oldEnforcers: [any PolicyEnforcing]
        ) {
            self.generation = generation
            self.removed = removed
            self.oldEnforcers = oldEnforcers
        }

        /// Whether anything is to be cleared away afterwards.
        var replaces: Bool { !ended.isEmpty || !oldGroups.isEmpty || !oldEnforcers.isEmpty }
    }

    /// Groups whose lists of containers are nearly full.
    var crowded: [GroupKey] { groups.filter { scopes.isCrowded($0.value.program) }.map(\.key) }

    // MARK: The three steps

    /// - Throws: with everything as it was.
    func prepare(
        adding: [HookLoad], enforcers: [EnforcerPlan] = [], removing: [LoadedHook] = [],
        _ oldEnforcers: [any PolicyEnforcing] = [], growing: [GroupKey] = []
    ) throws -> Change {
        guard generation < Self.forEver - 1 else {
            throw PolicyLoadError("there have been as many changes as can be counted: start the agent anew")
        }
        let change = Change(generation + 1, removing: removing, oldEnforcers)
        do {
            var adding = adding
            if !enforcers.isEmpty {
                lastEnforcer += 1
                for index in adding.indices { adding[index].enforcer = lastEnforcer }
                // Before anybody notifies them.
                for plan in enforcers {
                    let loaded = try kernel.loadEnforcer(plan, number: lastEnforcer)
                    change.enforcers += loaded
                    for enforcer in loaded { try enforcer.attach() }
                }
            }
            for request in adding { change.added.append(try makeHook(request)) }
            var bundles = arrange(change.added, leaving: change.removed)
            let arranged = Set(bundles.map(\.key))
            bundles += growing.filter { !arranged.contains($0) }.map { ($0, []) }
            for (key, hooks) in bundles {
                if let group = groups[key], group.hasRoom(for: hooks), !growing.contains(key) {
                    try place(hooks, in: group, change)
                } else {
                    try rebuild(key, with: hooks, change)
                }
            }
            let moved = Set(change.oldGroups.map { ObjectIdentifier($0) })
            for hook in removing {
                guard let placement = hook.placement, !moved.contains(ObjectIdentifier(placement.group)) else {
                    continue
                }
                try end(hook, placement, change)
            }
            return change
        } catch {
            undo(change)
            throw error
        }
    }

    /// From here on it holds.
    func commit(_ change: Change) throws {
        try kernel.setGeneration(change.generation, handover(change))
        generation = change.generation
        for group in change.newGroups { groups[group.key] = group }
        for hook in change.removed {
            guard let placement = hook.placement else { continue }
            placement.group.hooks[placement.slot] = nil
            hook.placement = nil
        }
        for (hook, placement) in change.placed {
            hook.placement = placement
            placement.group.hooks[placement.slot] = hook
        }
        meters.begin(change.placed)
    }

    /// Clears away what no call looks at any more.
    func finish(_ change: Change) {
        let leaving = change.oldGroups + emptied(by: change)
        for group in leaving {
            if groups[group.key] === group { groups[group.key] = nil }
            group.program.retire()
        }
        // Once for all that goes: rows, and programs.
        if change.replaces { kernel.awaitCalls() }
        meters.end(change.ended)
        let replaced = Set(change.oldGroups.map { ObjectIdentifier($0) })
        for (hook, placement) in change.ended where !replaced.contains(ObjectIdentifier(placement.group)) {
            clear(hook, placement)
        }
        for group in leaving { close(group) }
        for enforcer in change.oldEnforcers { enforcer.detach() }
        for hook in change.removed { binarySets.release(hook.binarySets, kernel) }
        var measured: Set<ObjectIdentifier> = []
        for group in (change.placed + change.ended).map(\.at.group)
        where measured.insert(ObjectIdentifier(group)).inserted && groups[group.key] === group { group.measure() }
    }

    /// Nothing of it is left.
    func undo(_ change: Change) {
        let fresh = Set(change.newGroups.map { ObjectIdentifier($0) })
        for group in change.newGroups { group.program.retire() }
        if !fresh.isEmpty { kernel.awaitCalls() }
        for group in change.newGroups { close(group) }
        for enforcer in change.enforcers { enforcer.detach() }
        for (hook, placement) in change.placed where !fresh.contains(ObjectIdentifier(placement.group)) {
            clear(hook, placement)
        }
        for (hook, placement) in change.ended {
            guard let row = try? hook.value(at: placement, until: Self.forEver) else { continue }
            try? placement.group.program.setRow(placement.slot, row)
        }
        for hook in change.added { binarySets.release(hook.binarySets, kernel) }
    }

    /// Lets hooks do what they say, or only say so. Nothing else of their rows changes.
    func setMonitored(_ isMonitored: Bool, _ hooks: [LoadedHook]) throws {
        for hook in hooks {
            guard let placement = hook.placement else { continue }
            hook.isMonitored = isMonitored
            try placement.group.program.setRow(placement.slot, try hook.value(at: placement, until: Self.forEver))
        }
    }

    // MARK: Parts of them

    /// Which hooks go into one program. A place has one of each shape, and of those for which there is none yet all come
    /// into a new one, where a program can be at several places; so has each place at most two.
    private func arrange(
        _ hooks: [LoadedHook], leaving: [LoadedHook]
    ) -> [(key: GroupKey, hooks: [LoadedHook])] {
        let leaving = Set(leaving.map { ObjectIdentifier($0) })
        var families: [GroupKey] = []
        var members: [GroupKey: [LoadedHook]] = [:]
        for hook in hooks {
            let family = GroupKey(hook.plan, at: hook.plan.canShareProgram ? [] : [hook.plan.place])
            if members[family] == nil { families.append(family) }
            members[family, default: []].append(hook)
        }
        var bundles: [(key: GroupKey, hooks: [LoadedHook])] = []
        for family in families {
            let members = members[family] ?? []
            guard let plan = members.first?.plan, family.places.isEmpty else {
                bundles.append((family, members))
                continue
            }
            let all = Self.places(members)
            var new = all
            // Unless there is one at just these.
            if groups[GroupKey(plan, at: all)] == nil {
                new = Self.places(members.filter { !isServed($0.plan, family, leaving) })
            }
            let most = Int(POL_PLACES_MAX.rawValue)
            var parts = stride(from: 0, to: new.count, by: most).map { Array(new[$0..<min($0 + most, new.count)]) }
            parts += all.filter { !new.contains($0) }.map { [$0] }
            for places in parts {
                bundles.append((GroupKey(plan, at: places), members.filter { places.contains($0.plan.place) }))
            }
        }
        return bundles
    }

    /// In their order, each once.
    private static func places(_ hooks: [LoadedHook]) -> [HookPlan.Place] {
        var seen: Set<HookPlan.Place> = []
        return hooks.map(\.plan.place).filter { seen.insert($0).inserted }
    }

    /// Whether there is a program for such a hook, and will be.
    private func isServed(_ hook: HookPlan, _ family: GroupKey, _ leaving: Set<ObjectIdentifier>) -> Bool {
        groups.contains { key, group in
            key.serves(hook, family) && group.hooks.values.contains { !leaving.contains(ObjectIdentifier($0)) }
        }
    }

    private func makeHook(_ request: HookLoad) throws -> LoadedHook {
        guard lastRow < Self.forEver else { throw PolicyLoadError("there have been as many hooks as can be counted") }
        var request = request
        request.plan.shape.is_scoped = request.scope == nil ? 0 : 1
        let needs = try PolicyCapacity(of: request.plan)
        let numbers = try binarySets.take(request.plan.binarySets, kernel)
        lastRow += 1
        return LoadedHook(request, needs, row: lastRow, binarySets: numbers)
    }

    private func place(_ hooks: [LoadedHook], in group: ProgramGroup, _ change: Change) throws {
        var scoped: [PolicyScopes.Row] = []
        for hook in hooks {
            let (slot, sets) = try group.take(for: hook)
            let placement = Placement(group: group, slot: slot, sets: sets, from: change.generation)
            change.placed.append((hook, placement))
            for (number, content) in zip(sets, hook.plan.sets) { try group.program.insert(content, as: number) }
            try group.program.clearCounts(of: slot)
            try group.program.setOwner(slot, hook.policy)
            // A call that comes while a row is written sees part of it: the last to be written is that it holds.
            try group.program.setRow(slot, try hook.value(at: placement, until: 0))
            try group.program.setRow(slot, try hook.value(at: placement, until: Self.forEver))
            if let scope = hook.scope { scoped.append(PolicyScopes.Row(slot: slot, policy: hook.policy, rule: scope)) }
        }
        if !scoped.isEmpty { try scopes.add(scoped, in: group.program) }
    }

    /// A program with room for these hooks and those that stay, beside the one that there is.
    private func rebuild(_ key: GroupKey, with hooks: [LoadedHook], _ change: Change) throws {
        let leaving = Set(change.removed.map { ObjectIdentifier($0) })
        let old = groups[key]
        let present = old?.hooks.sorted { $0.key < $1.key }.map(\.value) ?? []
        let staying = present.filter { !leaving.contains(ObjectIdentifier($0)) }
        guard var model = (hooks.first ?? staying.first)?.plan else { return }
        var needs = PolicyCapacity.none
        for hook in staying + hooks { needs += hook.needs }
        let rows = key.places.map { place in (staying + hooks).count { $0.plan.place == place } }
        let room = PolicyCapacity.room(
            for: needs, rows: rows, shape: model.shape, containers: scopes.containerCount)
        lastProgram += 1
        model.shape.program = lastProgram
        let numbers = key.placeKeys.map { number(of: $0) }
        model.shape.place = numbers.first ?? 0
        if numbers.count > 1 { model.shape.share(among: numbers, rows: room.rows) }
        let program = try kernel.load(model, at: key.places, room: room)
        let group = ProgramGroup(key, program, room: room, number: lastProgram)
        change.newGroups.append(group)
        if model.shape.is_scoped != 0 { scopes.add(group.program, room: room.lists) }
        try place(staying + hooks, in: group, change)
        try group.program.attach()
        guard let old else { return }
        change.oldGroups.append(old)
        for hook in present { if let placement = hook.placement { try end(hook, placement, change) } }
    }

    /// Programs of one place have one number, so that they know of each other.
    private func number(of place: PlaceKey) -> UInt32 {
        if let number = places[place] { return number }
        lastPlace += 1
        places[place] = lastPlace
        return lastPlace
    }

    /// What it takes where rows go from one program to another; nil if none do.
    private func handover(_ change: Change) -> Handover? {
        var touched: [PlaceKey: Set<UInt32>] = [:]
        for (hook, placement) in change.ended + change.placed {
            touched[hook.plan.placeKey, default: []].insert(placement.group.number)
        }
        // What only ends, or only begins, is in one of them at most.
        guard !change.ended.isEmpty, touched.contains(where: { $0.value.count > 1 }) else { return nil }
        var first: [UInt32: UInt32] = [:]
        for place in touched.keys where touched[place, default: []].count > 1 {
            let all = (Array(groups.values) + change.newGroups).filter { $0.key.placeKeys.contains(place) }
                .map(\.number)
            first[number(of: place)] = place.method.beginsWithTheOldest ? all.min() : all.max()
        }
        return Handover(from: generation, first: first)
    }

    private func end(_ hook: LoadedHook, _ placement: Placement, _ change: Change) throws {
        change.ended.append((hook, placement))
        try placement.group.program.setRow(placement.slot, try hook.value(at: placement, until: change.generation))
    }

    private func clear(_ hook: LoadedHook, _ placement: Placement) {
        let group = placement.group
        try? group.program.setRow(placement.slot, pol_row())
        if hook.scope != nil { try? scopes.remove(placement.slot, in: group.program) }
        for (number, content) in zip(placement.sets, hook.plan.sets) { group.program.remove(content, as: number) }
        group.free(placement.slot, hook.needs)
    }

    /// Groups of which no row is left.
    private func emptied(by change: Change) -> [ProgramGroup] {
        let replaced = Set(change.oldGroups.map { ObjectIdentifier($0) })
        var ended: [ObjectIdentifier: (group: ProgramGroup, rows: Int)] = [:]
        for (_, placement) in change.ended where !replaced.contains(ObjectIdentifier(placement.group)) {
            ended[ObjectIdentifier(placement.group), default: (placement.group, 0)].rows += 1
        }
        return ended.values.filter { $0.rows == $0.group.used.rows }.map(\.group)
    }

    /// After it was retired, and no call is on its way to it.
    private func close(_ group: ProgramGroup) {
        meters.drop(group.program)
        group.program.detach()
        scopes.drop(group.program)
    }
}
