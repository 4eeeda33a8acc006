// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import CRecords
import Glibc
import Models

/// The embedded object in the kernel: opened, fitted to the kernel and the configuration, loaded. Owns the links too.
final class Programs {
    private let object: EmbeddedObject
    private var links: [OpaquePointer] = []
    private(set) var attached: [String] = []

    /// Programs that user space runs, rather than the kernel at an event.
    private static let iterators: Set<String> = ["tasks", "seed_tree"]
    /// The two that compare credentials before an exec: which one is loaded depends on the kernel.
    private static let prepareExec = "exec_prepare"
    private static let prepareExecByKprobe = "exec_committing"
    /// Of those that had something to tell last.
    private static let ratedCgroups: UInt32 = 16_384

    init(_ configuration: SensorConfiguration, _ types: KernelTypes?) throws(SensorError) {
        LibbpfLog.install()
        let types = if let types { types } else { try KernelTypes() }
        object = try EmbeddedObject(embeddedObject, "the BPF programs", called: "apus", types: types) {
            object throws(SensorError) in try Self.configure(object, configuration, types)
        }
    }

    deinit { for link in links.reversed() { bpf_link__destroy(link) } }

    private static func configure(
        _ object: EmbeddedObject, _ configuration: SensorConfiguration, _ types: KernelTypes
    ) throws(SensorError) {
        // `config` is the only constant of the object that is volatile, and the first in its section.
        try object.freeze(rec_config(configuration, types))

        // libbpf would round the size up silently, and the reader's arithmetic would not know.
        let bytes = configuration.ringBytes
        guard bytes >= sysconf(Int32(_SC_PAGESIZE)), bytes <= 1 << 30, bytes.nonzeroBitCount == 1 else {
            throw SensorError(
                "use", "a ring of \(bytes) bytes", errno: EINVAL, log: "it takes a power of two from a page to 1 GiB")
        }
        let result = bpf_map__set_max_entries(try object.map("ring"), UInt32(bytes))
        guard result == 0 else { throw SensorError("set the size of", "the ring", errno: result) }
        if configuration.cgroupRate != nil {
            let result = bpf_map__set_max_entries(try object.map("rates"), ratedCgroups)
            guard result == 0 else { throw SensorError("set the size of", "the map of rates", errno: result) }
        }

        let hasTracepoint = types.tracepointArguments("sched_prepare_exec") != nil
        let hasKprobes = access("/sys/bus/event_source/devices/kprobe", F_OK) == 0
        bpf_program__set_autoload(try object.program(prepareExec), hasTracepoint)
        bpf_program__set_autoload(try object.program(prepareExecByKprobe), !hasTracepoint && hasKprobes)
    }

    func map(_ name: String) throws(SensorError) -> OpaquePointer { try object.map(name) }

    func program(_ name: String) throws(SensorError) -> OpaquePointer { try object.program(name) }

    /// Attaches all programs, or none and says which one failed.
    func attach() throws(SensorError) {
        guard links.isEmpty else { return }
        LibbpfLog.forget()
        for program in loaded where !Self.iterators.contains(String(cString: bpf_program__name(program))) {
            let name = String(cString: bpf_program__name(program))
            guard let link = bpf_program__attach(program) else {
                let error = SensorError("attach", "the program \(name)", log: LibbpfLog.tail())
                detach()
                throw error
            }
            links.append(link)
            attached.append(name)
        }
    }

    func detach() {
        for link in links.reversed() { bpf_link__destroy(link) }
        links = []
        attached = []
    }

    /// What attaches a program, as a descriptor.
    func link(of name: String) throws(SensorError) -> Int32 {
        guard let index = attached.firstIndex(of: name) else {
            throw SensorError("pin", "the program \(name)", errno: ENOTCONN)
        }
        return bpf_link__fd(links[index])
    }

    /// How often an attached program was skipped because it was already running on that CPU.
    func recursionMisses() -> UInt64 { loaded.reduce(0) { $0 + (Self.information($1)?.recursion_misses ?? 0) } }

    /// How many instructions the verifier processed for each program that is loaded.
    func verifiedInstructions() -> [String: Int] {
        var costs: [String: Int] = [:]
        for program in loaded {
            let name = String(cString: bpf_program__name(program))
            costs[name] = Self.information(program).map { Int($0.verified_insns) }
        }
        return costs
    }

    private static func information(_ program: OpaquePointer) -> bpf_prog_info? {
        var info = bpf_prog_info()
        var length = UInt32(MemoryLayout<bpf_prog_info>.size)
        return bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length) == 0 ? info : nil
    }

    private var loaded: [OpaquePointer] { object.programs.filter { bpf_program__autoload($0) } }
}

extension rec_config {
    init(_ configuration: SensorConfiguration, _ types: KernelTypes) {
        self.init(
            cgroup_v1_subsystem: configuration.cgroupV1Subsystem,
            cgroup_hierarchy: configuration.cgroupHierarchy,
            exit_has_group_dead: types.tracepointArguments("sched_process_exit") == 2 ? 1 : 0,
            environment: configuration.environment ? 1 : 0, rate_limit: configuration.cgroupRate?.limit ?? 0,
            rate_interval: configuration.cgroupRate?.interval ?? 1)
    }
}
