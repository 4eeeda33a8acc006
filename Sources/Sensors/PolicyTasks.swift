// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import CRecords
import Glibc

/// What policies must know of processes before a hook is hit, kept by the kernel at execs and forks: the binary sets
/// that they are in (``BinarySets``), and the namespaces and capabilities that they had. Each only while it is asked for.
///
/// Owned by one thread at a time; nothing here is locked.
package final class PolicyTasks {
    private let object: EmbeddedObject
    private let pins: PolicyPins?
    private var links: [String: OpaquePointer] = [:]

    private static let own: Set<String> = [
        "pol_binary_paths", "pol_long_binary_paths", "pol_binary_prefixes", "pol_binary_postfixes", "pol_marks",
        "pol_gone", "pol_missed",
    ]
    /// How often the tasks are gone through at most: as many generations can a process be behind its marked ancestor in
    /// the worst order of pids.
    private static let roundsMax = 64

    /// Loads the programs. None is called before it is asked for.
    package init(
        _ configuration: SensorConfiguration, types: KernelTypes, sharing maps: PolicyMaps
    ) throws(SensorError) {
        pins = maps.pins
        object = try EmbeddedObject(
            embeddedTasksObject, "the programs that look at processes for policies", types: types
        ) { object throws(SensorError) in
            try object.take(from: maps, own: Self.own)
            try object.freeze(rec_config(configuration, types))
        }
    }

    deinit { for link in links.values { bpf_link__destroy(link) } }

    func map(_ name: String) throws(SensorError) -> OpaquePointer { try object.map(name) }

    /// The two programs at execs and forks; attached already, they are left alone. What is made at a fork comes first:
    /// who is marked at an exec is never without what hands the mark on.
    func attach(_ what: String) throws(SensorError) {
        for name in ["fork_" + what, "exec_" + what] where links[name] == nil {
            LibbpfLog.forget()
            guard let link = bpf_program__attach(try object.program(name)) else {
                throw SensorError("attach", "the program \(name)", log: LibbpfLog.tail())
            }
            links[name] = link
            try pins?.pin(bpf_link__fd(link), as: name)
        }
    }

    func detach(_ what: String) {
        for name in ["exec_" + what, "fork_" + what] {
            pins?.unpin(name)
            if let link = links.removeValue(forKey: name) { bpf_link__destroy(link) }
        }
    }

    /// Goes through all tasks until nothing changes.
    func run(_ name: String) throws(SensorError) {
        for _ in 0..<Self.roundsMax {
            var changes = 0
            try TaskIterator(program: try object.program(name)).run { _ in changes += 1 }
            if changes == 0 { return }
        }
    }

    // MARK: Namespaces and capabilities

    /// From now on the kernel keeps what each process has at its exec or fork, so that filters can tell what has changed.
    /// Who runs already begins with what it has now.
    package func keepPrivileges() throws(SensorError) {
        try attach("privileges")
        try run("mark_privileges")
    }

    package func stopKeepingPrivileges() { detach("privileges") }

    /// Of each program that is loaded, how many instructions the verifier processed.
    package func verifiedInstructions() -> [String: Int] {
        var costs: [String: Int] = [:]
        for program in object.programs {
            var info = bpf_prog_info()
            var length = UInt32(MemoryLayout<bpf_prog_info>.size)
            if bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length) == 0 {
                costs[String(cString: bpf_program__name(program))] = Int(info.verified_insns)
            }
        }
        return costs
    }
}
