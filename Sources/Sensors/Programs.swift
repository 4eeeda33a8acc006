// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import CRecords
import Glibc
import Models

/// The embedded object in the kernel: opened, fitted to the kernel and the configuration, loaded. Owns the links too.
final class Programs {
    private let object: OpaquePointer
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
        LibbpfLog.forget()

        let types = if let types { types } else { try KernelTypes() }
        let bytes = decodeBase64(embeddedObject)
        guard var opened = Self.open(bytes, typesFrom: nil) else {
            throw SensorError("open", "the embedded BPF object", log: LibbpfLog.tail())
        }
        // Only opened can it say what it needs, and what it is given it must be given to be opened.
        let needed = bpf_object__btf(opened).flatMap { NeededTypes(of: $0, in: types) }?.makeFile() ?? -1
        defer { if needed >= 0 { close(needed) } }
        if needed >= 0, let again = Self.open(bytes, typesFrom: "/proc/self/fd/\(needed)") {
            bpf_object__close(opened)
            opened = again
        }
        object = opened

        try configure(configuration, types)
        let result = bpf_object__load(object)
        guard result == 0 else {
            throw SensorError("load", "the BPF programs", errno: result, log: LibbpfLog.tail())
        }
    }

    /// - Parameter types: a file with the kernel's types, or those of them that matter; nil for the kernel's own.
    private static func open(_ bytes: [UInt8], typesFrom types: String?) -> OpaquePointer? {
        var options = bpf_object_open_opts()
        options.sz = optionsSize(through: \bpf_object_open_opts.kernel_log_level)
        let types = types.map { strdup($0) }
        defer { free(types ?? nil) }
        options.btf_custom_path = types.flatMap { UnsafePointer($0) }
        return "apus".withCString { name in
            options.object_name = name
            return bytes.withUnsafeBytes { bpf_object__open_mem($0.baseAddress, $0.count, &options) }
        }
    }

    deinit {
        for link in links.reversed() { bpf_link__destroy(link) }
        bpf_object__close(object)
    }

    private func configure(_ configuration: SensorConfiguration, _ types: KernelTypes) throws(SensorError) {
        var size = 0
        let frozen = bpf_map__initial_value(try map(".rodata"), &size)
        guard let frozen, size >= MemoryLayout<rec_config>.size else {
            throw SensorError("configure", "the BPF programs", errno: EINVAL)
        }
        // `config` is the only constant of the object that is volatile, and the first in its section.
        UnsafeMutableRawPointer(mutating: frozen).storeBytes(
            of: rec_config(configuration, types), as: rec_config.self)

        // libbpf would round the size up silently, and the reader's arithmetic would not know.
        let bytes = configuration.ringBytes
        guard bytes >= sysconf(Int32(_SC_PAGESIZE)), bytes <= 1 << 30, bytes.nonzeroBitCount == 1 else {
            throw SensorError(
                "use", "a ring of \(bytes) bytes", errno: EINVAL, log: "it takes a power of two from a page to 1 GiB")
        }
        let result = bpf_map__set_max_entries(try map("ring"), UInt32(bytes))
        guard result == 0 else { throw SensorError("set the size of", "the ring", errno: result) }
        if configuration.cgroupRate != nil {
            let result = bpf_map__set_max_entries(try map("rates"), Self.ratedCgroups)
            guard result == 0 else { throw SensorError("set the size of", "the map of rates", errno: result) }
        }

        let hasTracepoint = types.tracepointArguments("sched_prepare_exec") != nil
        let hasKprobes = access("/sys/bus/event_source/devices/kprobe", F_OK) == 0
        bpf_program__set_autoload(try program(Self.prepareExec), hasTracepoint)
        bpf_program__set_autoload(try program(Self.prepareExecByKprobe), !hasTracepoint && hasKprobes)
    }

    func map(_ name: String) throws(SensorError) -> OpaquePointer {
        guard let map = bpf_object__find_map_by_name(object, name) else { throw SensorError("find", "the map \(name)") }
        return map
    }

    func program(_ name: String) throws(SensorError) -> OpaquePointer {
        guard let program = bpf_object__find_program_by_name(object, name) else {
            throw SensorError("find", "the program \(name)")
        }
        return program
    }

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

    private var loaded: [OpaquePointer] {
        var programs: [OpaquePointer] = []
        var next = bpf_object__next_program(object, nil)
        while let program = next {
            if bpf_program__autoload(program) { programs.append(program) }
            next = bpf_object__next_program(object, program)
        }
        return programs
    }
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
