// SPDX-License-Identifier: Apache-2.0
import CRecords
import Sensors

/// Hooks that can share a program: at one place, by one method, of one shape.
struct GroupKey: Hashable {
    let place: HookPlan.Place
    let method: HookPlan.Method
    let isAttachedAtOnce: Bool
    let shape: [UInt8]

    init(_ hook: HookPlan) {
        place = hook.place
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
}

/// What programs are attached to, and by what: the kernel calls them one after the other.
struct PlaceKey: Hashable {
    let place: HookPlan.Place
    let method: HookPlan.Method
}

extension GroupKey {
    var placeKey: PlaceKey { PlaceKey(place: place, method: method) }
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
    /// Its number, which is greater than that of any that was attached before.
    let number: UInt32
    private(set) var used = PolicyCapacity.none
    /// Whose rows hold, or will no more, by slot.
    var hooks: [UInt32: LoadedHook] = [:]
    private var freeSlots: [UInt32]
    private var nextSet: UInt32 = 0
    private(set) var kernelMemory: UInt64 = 0

    init(_ key: GroupKey, _ program: any PolicyRows, room: PolicyCapacity, number: UInt32) {
        self.number = number
        self.key = key
        self.program = program
        self.room = room
        freeSlots = (0..<UInt32(clamping: room.rows)).reversed()
    }

    func hasRoom(for needs: PolicyCapacity) -> Bool {
        var total = used
        total += needs
        return total.fits(in: room)
    }

    /// A row, and numbers for its sets. None is given twice while it is in use; sets' numbers never are.
    func take(_ needs: PolicyCapacity, sets: Int) throws(PolicyLoadError) -> (slot: UInt32, sets: [UInt32]) {
        guard hasRoom(for: needs), let slot = freeSlots.popLast() else {
            throw PolicyLoadError("a program's rows are all taken")
        }
        used += needs
        let numbers = (0..<UInt32(clamping: sets)).map { nextSet &+ $0 }
        nextSet &+= UInt32(clamping: sets)
        return (slot, numbers)
    }

    func free(_ slot: UInt32, _ needs: PolicyCapacity) {
        used -= needs
        freeSlots.append(slot)
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
            try value.name(numbers[reference.set], by: reference)
        }
        return value
    }
}
