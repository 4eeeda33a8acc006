// SPDX-License-Identifier: Apache-2.0
import CLibbpf
package import CRecords
import Glibc
import Models

/// What a program's rows say. A row or a set that goes leaves its number to be used anew: by the caller, who knows when
/// nobody looks at it any more (its generation is over).
extension PolicyProgram {
    package func setRow(_ index: UInt32, _ row: pol_row) throws(SensorError) {
        try set("pol_rows", index, row)
    }

    /// The rows that apply to a container, by its cgroup; 0 is whoever is in none.
    package func setList(_ rows: [UInt32], of cgroup: UInt64) throws(SensorError) {
        guard rows.count <= Int(shape.rows) else {
            throw SensorError("put \(rows.count) rows into", "a list of \(shape.rows)", errno: E2BIG)
        }
        var value = [UInt32](repeating: 0, count: 1 + Int(shape.rows))
        value[0] = UInt32(rows.count)
        value.replaceSubrange(1...rows.count, with: rows)
        var key = cgroup
        guard bpf_map_update_elem(bpf_map__fd(try map("pol_lists")), &key, value, UInt64(BPF_ANY)) == 0 else {
            throw SensorError("put a container into", "the map pol_lists")
        }
    }

    package func insert(number: UInt64, into set: UInt32) throws(SensorError) {
        try self.set("pol_numbers", pol_number_key(set: set, pad: 0, number: number), UInt8(1))
    }

    /// - Parameter bytes: at most ``PolicyCapacity/longestBytes``.
    package func insert(bytes: [UInt8], into set: UInt32) throws(SensorError) {
        guard let bucket = PolicyCapacity.bucket(of: bytes.count) else {
            throw SensorError("put \(bytes.count) bytes into", "a set", errno: E2BIG)
        }
        var key = [UInt8](repeating: 0, count: 8 + bucket)
        key.withUnsafeMutableBytes {
            $0.storeBytes(of: set, as: UInt32.self)
            $0.storeBytes(of: UInt32(bytes.count), toByteOffset: 4, as: UInt32.self)
        }
        key.replaceSubrange(8..<8 + bytes.count, with: bytes)
        var one: UInt8 = 1
        let name = "pol_bytes_\(bucket)"
        guard bpf_map_update_elem(bpf_map__fd(try map(name)), key, &one, UInt64(BPF_ANY)) == 0 else {
            throw SensorError("put a text into", "the map \(name)")
        }
    }

    /// The lengths that a set's prefixes, or postfixes, have.
    package func setLengths(_ lengths: [UInt32], of set: UInt32) throws(SensorError) {
        guard lengths.count <= Int(POL_LENGTHS_MAX.rawValue) else {
            throw SensorError("have prefixes of \(lengths.count) lengths in", "one filter", errno: E2BIG)
        }
        var value = pol_lengths()
        value.count = UInt32(lengths.count)
        withUnsafeMutableBytes(of: &value.lengths) { $0.copyBytes(from: lengths.withUnsafeBytes { Array($0) }) }
        try self.set("pol_prefix_lengths", set, value)
    }

    func set<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        _ name: String, _ key: Key, _ value: Value
    ) throws(SensorError) {
        var (key, value) = (key, value)
        guard bpf_map_update_elem(bpf_map__fd(try map(name)), &key, &value, UInt64(BPF_ANY)) == 0 else {
            throw SensorError("write to", "the map \(name)")
        }
    }

    // MARK: What goes

    /// From now on the row holds in no generation.
    package func clearRow(_ index: UInt32) throws(SensorError) { try setRow(index, pol_row()) }

    /// The container has no rows any more; what is of everybody else applies to it.
    package func removeList(of cgroup: UInt64) {
        guard let map = bpf_object__find_map_by_name(object, "pol_lists") else { return }
        var key = cgroup
        bpf_map_delete_elem(bpf_map__fd(map), &key)
    }

    /// Takes all that was put into a set out of it, and its lengths.
    package func removeSet(_ set: UInt32) {
        var key = set
        if let lengths = made("pol_prefix_lengths") { bpf_map_delete_elem(lengths, &key) }
        // Where a key says whose it is; an address's prefix comes first.
        let offsets = ["pol_addresses": 4]
        for name in PolicyCapacity.setMaps {
            guard let map = made(name) else { continue }
            let size = keySize(of: name)
            for key in keys(of: map, size: size) {
                let owner = key.withUnsafeBytes {
                    $0.loadUnaligned(fromByteOffset: offsets[name] ?? 0, as: UInt32.self)
                }
                if owner == set { key.withUnsafeBytes { _ = bpf_map_delete_elem(map, $0.baseAddress) } }
            }
        }
    }

    private func keySize(of name: String) -> Int {
        bpf_object__find_map_by_name(object, name).map { Int(bpf_map__key_size($0)) } ?? 0
    }

    /// The descriptor of a map, if this program has it.
    private func made(_ name: String) -> Int32? {
        guard let map = bpf_object__find_map_by_name(object, name), bpf_map__autocreate(map) else { return nil }
        let descriptor = bpf_map__fd(map)
        return descriptor >= 0 ? descriptor : nil
    }

    private func keys(of map: Int32, size: Int) -> [[UInt8]] {
        var found: [[UInt8]] = []
        var key: [UInt8]?
        var next = [UInt8](repeating: 0, count: size)
        while bpf_map_get_next_key(map, key, &next) == 0 {
            found.append(next)
            key = next
        }
        return found
    }
}
