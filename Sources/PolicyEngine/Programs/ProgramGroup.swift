// SPDX-License-Identifier: Apache-2.0
import CRecords
import Sensors

/// Hooks that can share a program: of one shape, by one method, each at one of some places.
struct GroupKey: Hashable {
    let places: [HookPlan.Place]
    let method: HookPlan.Method
    let isAttachedAtOnce: Bool
    let shape: [UInt8]

    init(_ hook: HookPlan) { self.init(hook, at: [hook.place]) }

    /// - Parameter places: none: what it shares with keys of hooks that are at other places.
    init(_ hook: HookPlan, at places: [HookPlan.Place]) {
        self.places = places
        method = hook.method
        isAttachedAtOnce = hook.isAttachedAtOnce
        var shape = hook.shape
        // The loader's choice.
        shape.rows = 0
        shape.buckets = 0
        shape.place = 0
        shape.program = 0
        self.shape = withUnsafeBytes(of: shape) { Array($0) }
    }

    /// Whether a program of this key is at the place, and is what the hook needs.
    func serves(_ hook: HookPlan, _ family: GroupKey) -> Bool {
        method == family.method && places.contains(hook.place) && isAttachedAtOnce == family.isAttachedAtOnce
            && shape == family.shape
    }
}

/// What programs are attached to, and by what: the kernel calls them one after the other.
struct PlaceKey: Hashable {
    let place: HookPlan.Place
    let method: HookPlan.Method
}

extension GroupKey {
    var placeKeys: [PlaceKey] { places.map { PlaceKey(place: $0, method: method) } }
}

extension HookPlan {
    var placeKey: PlaceKey { PlaceKey(place: place, method: method) }

    /// Whether a program can serve it beside hooks at other places: what it is attached with tells it where it is called.
    /// One that awaits returns has to know them by the place.
    var canShareProgram: Bool {
        guard shape.has_return == 0 else { return false }
        switch (place, method) {
        case (.tracepoint, .tracepoint): return true
        case (.systemCalls(let calls), .rawSyscall), (.systemCalls(let calls), .kprobe): return calls.count == 1
        case (.functions(let names), .kprobe): return names.count == 1
        default: return false
        }
    }
}

extension HookPlan.Method {
    /// Of several programs at one place tracepoints call the one that was attached first; probes, trampolines and our own
    /// dispatcher of system calls begin with the last.
    var beginsWithTheOldest: Bool { self == .tracepoint || self == .rawTracepoint }
}

/// A program in the kernel, and who has which of its rows.
final class ProgramGroup {
    let key: GroupKey
    let program: any PolicyRows
    let room: PolicyCapacity
    private let rowsOfPlace: Int
    /// Its number, which is greater than that of any that was attached before.
    let number: UInt32
    private(set) var used = PolicyCapacity.none
    /// Whose rows hold, or will no more, by slot.
    var hooks: [UInt32: LoadedHook] = [:]
    /// By place.
    private var freeSlots: [[UInt32]]
    private var nextSet: UInt32 = 0
    private(set) var kernelMemory: UInt64 = 0

    init(_ key: GroupKey, _ program: any PolicyRows, room: PolicyCapacity, number: UInt32) {
        self.number = number
        self.key = key
        self.program = program
        self.room = room
        let rows = room.rows / max(key.places.count, 1)
        rowsOfPlace = rows
        freeSlots = key.places.indices.map { place in
            (place * rows..<(place + 1) * rows).reversed().map { UInt32(clamping: $0) }
        }
    }

    func hasRoom(for hooks: [LoadedHook]) -> Bool {
        var total = used
        for hook in hooks { total += hook.needs }
        return total.fits(in: room)
            && zip(key.places, freeSlots).allSatisfy { place, slots in
                hooks.count { $0.plan.place == place } <= slots.count
            }
    }

    /// A row, and numbers for its sets. None is given twice while it is in use; sets' numbers never are.
    func take(for hook: LoadedHook) throws(PolicyLoadError) -> (slot: UInt32, sets: [UInt32]) {
        guard hasRoom(for: [hook]), let place = key.places.firstIndex(of: hook.plan.place),
            let slot = freeSlots[place].popLast()
        else { throw PolicyLoadError("a program's rows are all taken") }
        used += hook.needs
        let numbers = (0..<UInt32(clamping: hook.plan.sets.count)).map { nextSet &+ $0 }
        nextSet &+= UInt32(clamping: hook.plan.sets.count)
        return (slot, numbers)
    }

    func free(_ slot: UInt32, _ needs: PolicyCapacity) {
        used -= needs
        freeSlots[Int(slot) / rowsOfPlace].append(slot)
    }

    func measure() { kernelMemory = program.kernelMemory }

    /// What one of its hooks counts for.
    var memoryPerRow: UInt64 { kernelMemory / UInt64(max(used.rows, 1)) }
}

/// Where a hook's row is.
struct Placement {
    let group: ProgramGroup
    let slot: UInt32
    let sets: [UInt32]
    /// The first generation in which it holds.
    let from: UInt32
}

/// A policy's hook that is to be loaded.
struct HookLoad {
    var plan: HookPlan
    var policy: PolicyKey
    var scope: ScopeRule?
    var isMonitored: Bool?
    /// Whom it notifies; 0: nobody.
    var enforcer: UInt32 = 0
}

/// A policy's hook in the kernel.
final class LoadedHook {
    let plan: HookPlan
    let needs: PolicyCapacity
    let policy: PolicyKey
    let scope: ScopeRule?
    /// What records call it.
    let row: UInt32
    let binarySets: [UInt32]
    private let enforcer: UInt32
    var isMonitored: Bool
    var placement: Placement?

    init(_ request: HookLoad, _ needs: PolicyCapacity, row: UInt32, binarySets: [UInt32]) {
        plan = request.plan
        self.needs = needs
        policy = request.policy
        scope = request.scope
        self.row = row
        self.binarySets = binarySets
        enforcer = request.enforcer
        isMonitored = request.isMonitored ?? (request.plan.row.is_monitored != 0)
    }

    func value(at placement: Placement, until: UInt32) throws(PolicyLoadError) -> pol_row {
        var value = plan.row
        value.id = row
        value.from = placement.from
        value.until = until
        value.is_monitored = isMonitored ? 1 : 0
        if enforcer != 0 { value.notify(enforcer) }
        for reference in plan.references {
            let numbers = reference.isBinary ? binarySets : placement.sets
            guard numbers.indices.contains(reference.set) else {
                throw PolicyLoadError("a plan names a set that there is not: \(reference)")
            }
            let isKnown = !reference.isBinary && plan.sets.indices.contains(reference.set)
            let lengths = isKnown ? plan.sets[reference.set].lengths : 0
            try value.name(numbers[reference.set], lengths: lengths, by: reference)
        }
        return value
    }
}
