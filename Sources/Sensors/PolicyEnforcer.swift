// SPDX-License-Identifier: Apache-2.0
import CLibbpf
package import CRecords
import Glibc

/// The end of a call whose policy has another hook decide: that one leaves a notice for its thread
/// (POL_DO_NOTIFY_ENFORCER), this one takes it at the calls that it is given, and does what it says.
///
/// Owned by one thread at a time; nothing here is locked.
package final class PolicyEnforcer {
    package enum Place: Sendable, Hashable {
        /// In place of a kernel function, where that has an error to return (fmod_ret).
        case function(String)
        /// By bpf_override_return: where the kernel allows error injection.
        case probe(String)
        /// At the ends of these, without kprobes. Signals only: nothing can be returned from there, which is counted.
        case systemCalls([SystemCall])
    }

    private let object: EmbeddedObject
    private let place: Place
    private let maps: PolicyMaps
    private let programName: String
    private var link: OpaquePointer?
    private var systemCalls: SyscallDispatcher.Attachment?
    private var pin: String?

    /// At the beginnings of system calls: has their ends looked at.
    private static let awaiting = "enforcer_awaits"

    /// Opens, fits and loads. Nothing is called before ``attach()``.
    /// - Parameter number: whose notices it takes: `enforcer` of the rows' actions.
    package init(
        _ number: UInt32, at place: Place, types: KernelTypes, sharing maps: PolicyMaps
    ) throws(SensorError) {
        self.place = place
        self.maps = maps
        let chosen: String
        var wanted: Set<String> = []
        switch place {
        case .function: chosen = "enforcer_override"
        case .probe: chosen = "enforcer_probe"
        case .systemCalls:
            chosen = "enforcer_hit"
            wanted.insert(Self.awaiting)
        }
        programName = chosen
        wanted.insert(chosen)
        object = try EmbeddedObject(embeddedEnforcerObject, "the enforcer at \(place)", types: types) {
            object throws(SensorError) in
            for program in object.programs {
                bpf_program__set_autoload(program, wanted.contains(String(cString: bpf_program__name(program))))
            }
            try object.take(from: maps, own: ["pol_enforcer_counts"])
            try object.freeze(number)
            if case .function(let name) = place {
                let result = bpf_program__set_attach_target(try object.program(chosen), 0, name)
                guard result == 0 else { throw SensorError("find", "the function \(name)", errno: result) }
            }
        }
    }

    deinit {
        // What the dispatcher of system calls calls is kept with it.
        if let link, pin != nil { PolicyPins.forget(link) } else if systemCalls == nil || maps.pins == nil { detach() }
    }

    package func attach() throws(SensorError) {
        guard link == nil, systemCalls == nil else { return }
        LibbpfLog.forget()
        let program = try object.program(programName)
        switch place {
        case .function: link = bpf_program__attach_trace(program)
        case .probe(let name): link = bpf_program__attach_kprobe(program, false, name)
        case .systemCalls(let calls):
            systemCalls = try maps.systemCalls.attach(
                enter: bpf_program__fd(try object.program(Self.awaiting)), exit: bpf_program__fd(program), at: calls)
            return
        }
        guard let link else { throw SensorError("attach", "the enforcer to \(place)", log: LibbpfLog.tail()) }
        pin = try maps.pins?.pin(bpf_link__fd(link), as: maps.pins?.freeName("enforcer") ?? "")
    }

    package func detach() {
        if let pin { maps.pins?.unpin(pin) }
        pin = nil
        if let link { bpf_link__destroy(link) }
        link = nil
        if let systemCalls { maps.systemCalls.detach(systemCalls) }
        systemCalls = nil
    }

    /// What it did since it was loaded.
    package func counts() throws(SensorError) -> pol_enforcer_counts {
        var (zero, value) = (UInt32(0), pol_enforcer_counts())
        let map = bpf_map__fd(try object.map("pol_enforcer_counts"))
        guard bpf_map_lookup_elem(map, &zero, &value) == 0 else {
            throw SensorError("read", "the map pol_enforcer_counts")
        }
        return value
    }
}
