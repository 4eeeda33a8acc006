// SPDX-License-Identifier: Apache-2.0
import CLibbpf
import CRecords

/// What is taken out of a set by whoever knows what was put into it: one map entry each. What is not there is as good as
/// removed.
extension PolicyProgram {
    package func remove(number: UInt64, from set: UInt32) {
        delete("pol_numbers", pol_number_key(set: set, pad: 0, number: number))
    }

    package func remove(bytes: [UInt8], from set: UInt32) {
        guard let bucket = PolicyCapacity.bucket(of: bytes.count), let map = try? map("pol_bytes_\(bucket)") else {
            return
        }
        var key = [UInt8](repeating: 0, count: 8 + bucket)
        key.withUnsafeMutableBytes {
            $0.storeBytes(of: set, as: UInt32.self)
            $0.storeBytes(of: UInt32(bytes.count), toByteOffset: 4, as: UInt32.self)
        }
        key.replaceSubrange(8..<8 + bytes.count, with: bytes)
        bpf_map_delete_elem(bpf_map__fd(map), key)
    }

    package func remove(network address: [UInt8], bits: UInt32, from set: UInt32) {
        guard address.count == 16 else { return }
        var key = pol_address_key()
        key.prefix = 32 + bits
        key.set = set
        withUnsafeMutableBytes(of: &key.address) { $0.copyBytes(from: address) }
        delete("pol_addresses", key)
    }

    package func remove(prefixes: [NumberPrefix], from set: UInt32) {
        for prefix in prefixes {
            var key = pol_range_key()
            key.prefix = 32 + prefix.bits
            key.set = set
            withUnsafeMutableBytes(of: &key.number) { $0.storeBytes(of: prefix.number.bigEndian, as: UInt64.self) }
            delete("pol_ranges", key)
        }
    }

    package func removeLengths(of set: UInt32) { delete("pol_prefix_lengths", set) }

    /// Its rows of pol_transitions may be another's from then on.
    package func removeAutomaton(of set: UInt32) { delete("pol_automata", set) }

    private func delete<Key: BitwiseCopyable>(_ name: String, _ key: Key) {
        guard let map = try? map(name) else { return }
        var key = key
        bpf_map_delete_elem(bpf_map__fd(map), &key)
    }
}
