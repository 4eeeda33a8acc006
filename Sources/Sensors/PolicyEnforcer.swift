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
        /// Signals only: nothing can be returned from there, which is counted.
        case rawTracepoint(String)
    }

    private let object: EmbeddedObject
    private let place: Place
    private let programName: String
    private var link: OpaquePointer?

    /// Opens, fits and loads. Nothing is called before ``attach()``.
    /// - Parameter number: whose notices it takes: `enforcer` of the rows' actions.
    package init(
        _ number: UInt32, at place: Place, types: KernelTypes, sharing maps: PolicyMaps
    ) throws(SensorError) {
        self.place = place
        programName =
            switch place {
            case .function: "enforcer_override"
            case .probe: "enforcer_probe"
            case .rawTracepoint: "enforcer_hit"
            }
        let chosen = programName
        object = try EmbeddedObject(embeddedEnforcerObject, "the enforcer at \(place)", types: types) {
            object throws(SensorError) in
            for program in object.programs {
                bpf_program__set_autoload(program, String(cString: bpf_program__name(program)) == chosen)
            }
            try object.take(from: maps, own: ["pol_enforcer_counts"])
            try object.freeze(number)
            if case .function(let name) = place {
                let result = bpf_program__set_attach_target(try object.program(chosen), 0, name)
                guard result == 0 else { throw SensorError("find", "the function \(name)", errno: result) }
            }
        }
    }

    deinit { detach() }

    package func attach() throws(SensorError) {
        guard link == nil else { return }
        LibbpfLog.forget()
        let program = try object.program(programName)
        link =
            switch place {
            case .function: bpf_program__attach_trace(program)
            case .probe(let name): bpf_program__attach_kprobe(program, false, name)
            case .rawTracepoint(let name): bpf_program__attach_raw_tracepoint(program, name)
            }
        guard link != nil else { throw SensorError("attach", "the enforcer to \(place)", log: LibbpfLog.tail()) }
    }

    package func detach() {
        if let link { bpf_link__destroy(link) }
        link = nil
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
