// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import Glibc

/// An object that the build has embedded, loaded.
final class EmbeddedObject {
    /// libbpf's, which is its owner's no longer than this is there.
    let object: OpaquePointer
    /// What it is for, as errors tell it.
    let name: String

    /// - Parameters:
    ///   - called: as ``ObjectFile`` has it.
    ///   - fit: what is left to do between opening and loading.
    convenience init(
        _ text: StaticString, _ name: String, called title: String = ObjectFile.policies, types: KernelTypes,
        fit: (EmbeddedObject) throws(SensorError) -> Void
    ) throws(SensorError) {
        try self.init(try ObjectFile(text, name, called: title, types: types), fit: fit)
    }

    init(_ file: ObjectFile, fit: (EmbeddedObject) throws(SensorError) -> Void) throws(SensorError) {
        name = file.name
        object = try file.open()
        // What fails from here on is closed by deinit.
        try fit(self)
        LibbpfLog.forget()
        let result = bpf_object__load(object)
        guard result == 0 else { throw SensorError("load", name, errno: result, log: LibbpfLog.tail()) }
    }

    deinit { bpf_object__close(object) }

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
        for (name, map) in self.maps where bpf_map__fd(map) < 0 && !own.contains(name) && !name.contains(".") {
            bpf_map__set_autocreate(map, false)
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

    var maps: [(name: String, map: OpaquePointer)] {
        var maps: [(String, OpaquePointer)] = []
        var next = bpf_object__next_map(object, nil)
        while let map = next {
            maps.append((String(cString: bpf_map__name(map)), map))
            next = bpf_object__next_map(object, map)
        }
        return maps
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
