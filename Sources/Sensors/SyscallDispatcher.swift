// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import CLinux
import CRecords
import Glibc

/// The programs that see all system calls and call those that ask for a number: bpf/policy_syscalls.bpf.h. Attached
/// only while somebody asks, because they slow every call of the machine.
///
/// A number's programs are a chain of slots. One that goes is first taken out of its chain, and its slot is used again
/// only when no call can still be on its way there.
final class SyscallDispatcher {
    /// What one ``attach(enter:exit:at:)`` put where.
    struct Attachment {
        fileprivate var links: [(chain: Chain, slot: UInt32)] = []
    }

    fileprivate struct Chain: Hashable {
        var dispatcher: Int
        var isExit: Bool
        var isCompat: Bool
        var number: UInt32

        /// Its index in the map pol_firsts.
        var index: UInt32 {
            let chains = UInt32((dispatcher * 2 + (isExit ? 1 : 0)) * 2 + (isCompat ? 1 : 0))
            return chains * UInt32(POL_SYSCALLS_MAX.rawValue) + number
        }
    }

    private let object: EmbeddedObject
    private let pins: PolicyPins?
    private var chains: [Chain: [UInt32]] = [:]
    /// Slot 0 is nobody's.
    private var free = Array((1..<UInt32(POL_SLOTS_MAX.rawValue)).reversed())
    /// Of each dispatcher, and whether it is the exit's.
    private var programs: [[Bool: OpaquePointer]] = []
    private var isArrayPinned = false

    private static let dispatchers = Int(POL_DISPATCHERS.rawValue)
    private static let longest = Int(POL_CHAIN_MAX.rawValue)

    /// - Parameter object: in which the dispatchers are loaded, and the maps are.
    init(_ object: EmbeddedObject, _ pins: PolicyPins?) {
        self.object = object
        self.pins = pins
    }

    deinit { for dispatcher in programs { for link in dispatcher.values { bpf_link__destroy(link) } } }

    /// Has programs called at system calls, `exit` at their ends. The place of a call in the list is its
    /// ``rec_policy/function``.
    func attach(enter: Int32, exit: Int32?, at calls: [SystemCall]) throws(SensorError) -> Attachment {
        var attachment = Attachment()
        do throws(SensorError) {
            // The end of a call before its beginning: no beginning is without its end.
            for (isExit, program) in [(true, exit), (false, enter)] {
                guard let program else { continue }
                for (call, index) in zip(calls, 0..<UInt32.max) {
                    attachment.links.append(try insert(program, index, call, isExit: isExit))
                }
            }
            try connect()
        } catch {
            detach(attachment)
            throw error
        }
        return attachment
    }

    func detach(_ attachment: Attachment) {
        unlink(attachment)
        RunningPrograms.awaitEnds()
        free(attachment)
    }

    /// No call that begins from now on gets there.
    func unlink(_ attachment: Attachment) {
        for (chain, slot) in attachment.links.reversed() { unlink(slot, from: chain) }
        disconnect()
    }

    /// Lets its slots be used again, when no call can be on its way there any more.
    func free(_ attachment: Attachment) {
        for (_, slot) in attachment.links {
            var key = slot
            bpf_map_delete_elem(map("pol_programs"), &key)
            free.append(slot)
        }
    }

    // MARK: Chains

    private func insert(_ program: Int32, _ index: UInt32, _ call: SystemCall, isExit: Bool) throws(SensorError)
        -> (Chain, UInt32)
    {
        guard let number = call.number, number < UInt32(POL_SYSCALLS_MAX.rawValue) else {
            throw SensorError("find", "the system call \(call)", errno: ENOSYS)
        }
        let candidates = (0..<Self.dispatchers).map {
            Chain(dispatcher: $0, isExit: isExit, isCompat: call.abi == .compat, number: number)
        }
        guard let chain = candidates.first(where: { chains[$0, default: []].count < Self.longest }) else {
            throw SensorError(
                "attach to", "the system call \(call)", errno: E2BIG,
                log: "it has \(Self.dispatchers * Self.longest) programs, and no room for more")
        }
        guard let slot = free.popLast() else {
            throw SensorError(
                "attach to", "the system call \(call)", errno: E2BIG,
                log: "all system calls together have room for \(POL_SLOTS_MAX.rawValue - 1) programs")
        }
        let others = chains[chain, default: []]
        do throws(SensorError) {
            try set("pol_slots", slot, pol_slot(next: others.first ?? 0, function: index))
            try set("pol_programs", slot, program)
            try set("pol_firsts", chain.index, slot)
        } catch {
            free.append(slot)
            throw error
        }
        chains[chain] = [slot] + others
        return (chain, slot)
    }

    private func unlink(_ slot: UInt32, from chain: Chain) {
        guard var slots = chains[chain], let place = slots.firstIndex(of: slot) else { return }
        slots.remove(at: place)
        let next = place < slots.count ? slots[place] : 0
        // Writes to entries that are there: they cannot fail.
        if place == 0 {
            try? set("pol_firsts", chain.index, next)
        } else {
            let previous = slots[place - 1]
            var (key, value) = (previous, pol_slot())
            bpf_map_lookup_elem(map("pol_slots"), &key, &value)
            value.next = next
            try? set("pol_slots", previous, value)
        }
        chains[chain] = slots.isEmpty ? nil : slots
    }

    // MARK: The dispatchers

    /// The first stays while the second is there: the kernel calls them in the order of their attaching, and the last
    /// ends a call.
    private func isNeeded(_ dispatcher: Int, isExit: Bool) -> Bool {
        chains.keys.contains { $0.dispatcher >= dispatcher && $0.isExit == isExit }
    }

    private func connect() throws(SensorError) {
        // The kernel empties an array of programs when nobody in user space has it any more.
        if !isArrayPinned { try pins?.pin(map("pol_programs"), as: "syscalls") }
        isArrayPinned = true
        for dispatcher in 0..<Self.dispatchers {
            if programs.count == dispatcher { programs.append([:]) }
            for isExit in [true, false] where programs[dispatcher][isExit] == nil {
                guard isNeeded(dispatcher, isExit: isExit) else { continue }
                let name = Self.name(dispatcher, isExit: isExit)
                let program = try object.program(name)
                guard let link = bpf_program__attach_raw_tracepoint(program, isExit ? "sys_exit" : "sys_enter") else {
                    throw SensorError("attach", "the program \(name)", log: LibbpfLog.tail())
                }
                programs[dispatcher][isExit] = link
                try pins?.pin(bpf_link__fd(link), as: name)
            }
        }
    }

    private static func name(_ dispatcher: Int, isExit: Bool) -> String {
        "syscalls_\(isExit ? "exit" : "enter")_\(dispatcher)"
    }

    private func disconnect() {
        for dispatcher in programs.indices {
            for (isExit, link) in programs[dispatcher] where !isNeeded(dispatcher, isExit: isExit) {
                pins?.unpin(Self.name(dispatcher, isExit: isExit))
                bpf_link__destroy(link)
                programs[dispatcher][isExit] = nil
            }
        }
    }

    // MARK: Maps

    private func map(_ name: String) -> Int32 {
        bpf_object__find_map_by_name(object.object, name).map { bpf_map__fd($0) } ?? -1
    }

    private func set<Value: BitwiseCopyable>(_ name: String, _ key: UInt32, _ value: Value) throws(SensorError) {
        var (key, value) = (key, value)
        guard bpf_map_update_elem(map(name), &key, &value, UInt64(BPF_ANY)) == 0 else {
            throw SensorError("write to", "the map \(name)")
        }
    }
}
