// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc
import Models

/// An object that the build has embedded, loaded, with those of the kernel's types that it reads.
final class EmbeddedObject {
    private let object: OpaquePointer
    /// What it is for, as errors tell it.
    let name: String

    /// - Parameters:
    ///   - called: see ``open(_:called:typesFrom:)``.
    ///   - fit: what is left to do between opening and loading.
    init(
        _ text: StaticString, _ name: String, called title: String = policies, types: KernelTypes,
        fit: (EmbeddedObject) throws(SensorError) -> Void
    ) throws(SensorError) {
        LibbpfLog.forget()
        let bytes = decodeBase64(text)
        guard let opened = Self.open(bytes, called: title, typesFrom: nil) else {
            throw SensorError("open", name, log: LibbpfLog.tail())
        }
        // Only opened can it say what it needs, and what it is given it must be given to be opened.
        let needed = bpf_object__btf(opened).flatMap { NeededTypes(of: $0, in: types) }?.makeFile() ?? -1
        defer { if needed >= 0 { close(needed) } }
        self.name = name
        if needed >= 0, let again = Self.open(bytes, called: title, typesFrom: "/proc/self/fd/\(needed)") {
            bpf_object__close(opened)
            object = again
        } else {
            object = opened
        }
        // What fails from here on is closed by deinit.
        try fit(self)
        let result = bpf_object__load(object)
        guard result == 0 else { throw SensorError("load", name, errno: result, log: LibbpfLog.tail()) }
    }

    deinit { bpf_object__close(object) }

    /// What libbpf calls the objects of policies.
    static let policies = "policy"

    /// - Parameters:
    ///   - title: of which libbpf makes the names of the maps that variables are in.
    ///   - types: a file with the kernel's types, or those of them that matter; nil for the kernel's own.
    static func open(
        _ bytes: [UInt8], called title: String = policies, typesFrom types: String?
    ) -> OpaquePointer? {
        var options = bpf_object_open_opts()
        options.sz = optionsSize(through: \bpf_object_open_opts.kernel_log_level)
        let types = types.map { strdup($0) }
        defer { free(types ?? nil) }
        options.btf_custom_path = types.flatMap { UnsafePointer($0) }
        return title.withCString { name in
            options.object_name = name
            return bytes.withUnsafeBytes { bpf_object__open_mem($0.baseAddress, $0.count, &options) }
        }
    }

    /// Puts a value at the beginning of the constants.
    func freeze<Value: BitwiseCopyable>(_ value: Value) throws(SensorError) {
        var size = 0
        guard let frozen = bpf_map__initial_value(try map(".rodata"), &size), size >= MemoryLayout<Value>.size else {
            throw SensorError("configure", name, errno: EINVAL)
        }
        UnsafeMutableRawPointer(mutating: frozen).storeBytes(of: value, as: Value.self)
    }

    /// Takes what maps it can from those that are shared; of the others only its own are made.
    func take(from maps: PolicyMaps, own: Set<String>) throws(SensorError) {
        try maps.lend(to: object)
        var next = bpf_object__next_map(object, nil)
        while let map = next {
            let name = String(cString: bpf_map__name(map))
            if bpf_map__fd(map) < 0, !own.contains(name), !name.contains(".") { bpf_map__set_autocreate(map, false) }
            next = bpf_object__next_map(object, map)
        }
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

    var programs: [OpaquePointer] {
        var programs: [OpaquePointer] = []
        var next = bpf_object__next_program(object, nil)
        while let program = next {
            programs.append(program)
            next = bpf_object__next_program(object, program)
        }
        return programs
    }
}
