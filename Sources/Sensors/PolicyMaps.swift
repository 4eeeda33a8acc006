// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import CRecords
import Glibc

/// What all policies' programs share: the ring and its accounts with the base sensors, the generation that holds, the
/// memory that hits work in.
///
/// Owned by one thread at a time; nothing here is locked.
package final class PolicyMaps {
    private let configuration: rec_config
    /// What each program is loaded from.
    private let file, plainFile: ObjectFile
    /// Holds the maps that are ours to make.
    private let own: EmbeddedObject
    /// By name, of the sensors and of ours.
    private var lent: [String: Int32] = [:]
    private var socketMap: Int32 = -1

    private static let shared = [
        "pol_generation", "pol_views", "pol_task_binaries", "pol_task_privileges", "pol_notices", "pol_scratches",
        "pol_zeros",
        "pol_programs", "pol_slots", "pol_firsts", "pol_turn", "pol_awaited",
    ]
    private static let dispatchers = "syscalls_"

    /// What keeps the programs when the agent goes; nil: they go with it.
    let pins: PolicyPins?
    /// Sees system calls for the programs that ask for some.
    let systemCalls: SyscallDispatcher
    /// Takes the links of programs that have gone.
    let links = LinkCloser()
    /// The kernel's own, for those who look functions up.
    let kernelTypes: KernelTypes
    /// Whether the kernel attaches a program to many functions at once. Tried when somebody asks.
    private(set) lazy var hasKprobeMulti = Self.succeeds(MultiLink.tryKprobe)
    private(set) lazy var hasUprobeMulti = Self.succeeds(MultiLink.tryUprobe)

    /// - Parameter programs: links of sensors that policies cannot do without, by name.
    init(
        _ sensors: [String: Int32], _ configuration: rec_config, _ kernel: KernelTypes, pins: PolicyPins?,
        keeping programs: [String: Int32]
    ) throws(SensorError) {
        self.configuration = configuration
        self.pins = pins
        kernelTypes = kernel
        lent = sensors
        file = try ObjectFile(embeddedPolicyObject, "the programs of policies", types: kernel)
        plainFile = try ObjectFile(embeddedPlainPolicyObject, "the plain programs of policies", types: kernel)
        own = try EmbeddedObject(file) { object throws(SensorError) in
            for program in object.programs {
                let name = String(cString: bpf_program__name(program))
                bpf_program__set_autoload(program, name.hasPrefix(Self.dispatchers))
            }
            for (name, map) in object.maps {
                if let descriptor = sensors[Self.key(name)] {
                    try Self.reuse(descriptor, as: map, name)
                } else if !Self.shared.contains(name), !name.hasSuffix(".rodata") {
                    bpf_map__set_autocreate(map, false)
                }
            }
        }
        systemCalls = SyscallDispatcher(own, pins)
        for name in Self.shared { lent[name] = bpf_map__fd(try own.map(name)) }
        guard let pins, let word = lent["pol_generation"] else { return }
        try pins.pin(word, as: PolicyPins.generation)
        for (name, link) in programs { try pins.pin(link, as: name) }
    }

    deinit {
        if socketMap >= 0 { close(socketMap) }
    }

    /// Which generation of rows holds from now on.
    package func setGeneration(_ generation: UInt32) throws(SensorError) {
        try write(pol_generations(current: generation, next: 0))
    }

    /// The same where rows that end and rows that begin are in several programs of one place: whoever is between two of
    /// them goes on by the generation that the first has seen. Takes twice as long as a call may be on its way through
    /// the programs of a place.
    ///
    /// - Parameter first: of each such place (``pol_shape/place``) the program that the kernel calls first.
    package func setGeneration(
        _ generation: UInt32, insteadOf old: UInt32, first: [UInt32: UInt32]
    ) throws(SensorError) {
        defer { forgetViews() }
        for (place, program) in first { try name(program, firstOf: place) }
        do throws(SensorError) {
            // Calls that have begun without a word are through before there is another generation, and those that have
            // begun by the old one before nobody looks for a word any more.
            try write(pol_generations(current: old, next: old))
            RunningPrograms.awaitEnds()
            try write(pol_generations(current: old, next: generation))
        } catch {
            try? setGeneration(old)
            throw error
        }
        RunningPrograms.awaitEnds()
        try setGeneration(generation)
        RunningPrograms.awaitEnds()
    }

    /// Returns when no call looks any more at what only an earlier generation had.
    package static func awaitCalls() { RunningPrograms.awaitEnds() }

    private func name(_ program: UInt32, firstOf place: UInt32) throws(SensorError) {
        var (key, value) = (pol_view_key(thread: .max, place: place, pad: 0), program)
        guard let map = lent["pol_views"], bpf_map_update_elem(map, &key, &value, UInt64(BPF_ANY)) == 0 else {
            throw SensorError("write to", "the map pol_views")
        }
    }

    private func write(_ generations: pol_generations) throws(SensorError) {
        var (zero, value) = (UInt32(0), generations)
        guard let map = lent["pol_generation"], bpf_map_update_elem(map, &zero, &value, UInt64(BPF_ANY)) == 0 else {
            throw SensorError("write to", "the map pol_generation")
        }
    }

    private func forgetViews() {
        guard let map = lent["pol_views"] else { return }
        var key = [UInt8](repeating: 0, count: 16)
        while bpf_map_get_next_key(map, nil, &key) == 0, bpf_map_delete_elem(map, key) == 0 {}
    }

    /// From now on sockets can be tracked: so many, of which the oldest make room. To be asked for before the first
    /// program whose shape has `tracks_sockets`; more than once harms nothing.
    package func trackSockets(_ count: Int = 8192) throws(SensorError) {
        guard lent["pol_sockets"] == nil else { return }
        let size = UInt32(MemoryLayout<pol_owner>.size)
        let map = bpf_map_create(BPF_MAP_TYPE_LRU_HASH, "pol_sockets", 8, size, UInt32(clamping: count), nil)
        guard map >= 0 else { throw SensorError("make", "the map pol_sockets") }
        lent["pol_sockets"] = map
        socketMap = map
    }

    // MARK: For a program

    /// The object that has what programs of the shape need.
    func open(for shape: pol_shape) throws(SensorError) -> OpaquePointer {
        try (shape.isPlain ? plainFile : file).open()
    }

    func lend(to object: OpaquePointer) throws(SensorError) {
        var map = bpf_object__next_map(object, nil)
        while let current = map {
            let name = String(cString: bpf_map__name(current))
            if let descriptor = lent[Self.key(name)] {
                try Self.reuse(descriptor, as: current, name)
            }
            map = bpf_object__next_map(object, current)
        }
    }

    private static func reuse(
        _ descriptor: Int32, as map: OpaquePointer, _ name: String
    ) throws(SensorError) {
        let result = bpf_map__reuse_fd(map, descriptor)
        guard result == 0 else { throw SensorError("share", "the map \(name)", errno: result) }
    }

    func freeze(_ shape: pol_shape, in object: OpaquePointer) throws(SensorError) {
        var size = 0
        let offset = MemoryLayout<rec_config>.size
        guard let map = bpf_object__find_map_by_name(object, ".rodata"),
            let frozen = bpf_map__initial_value(map, &size), size >= offset + MemoryLayout<pol_shape>.size
        else { throw SensorError("configure", "the programs of policies", errno: EINVAL) }
        // The constants of the object, in the order in which they are declared.
        let constants = UnsafeMutableRawPointer(mutating: frozen)
        constants.storeBytes(of: configuration, as: rec_config.self)
        constants.storeBytes(of: shape, toByteOffset: offset, as: pol_shape.self)
    }

    /// Whether a map of a program's object is everybody's.
    func isLent(_ name: String) -> Bool { lent[Self.key(name)] != nil }

    private static func succeeds(_ attempt: () throws(Absence) -> Void) -> Bool {
        do throws(Absence) { try attempt() } catch { return false }
        return true
    }

    /// libbpf calls an object's variables by the object's name.
    private static func key(_ name: String) -> String { name.hasSuffix(".bss") ? ".bss" : name }
}
