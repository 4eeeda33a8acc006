// SPDX-License-Identifier: Apache-2.0
import CLibbpf
package import CRecords
import Glibc

/// What filters compare with, beside numbers and texts: ranges, networks, texts inside of texts.
extension PolicyProgram {
    /// A range of 64-bit numbers as prefixes of their bits: what a trie can look up. At most 126 of them.
    package struct NumberPrefix: Equatable {
        package var number: UInt64
        package var bits: UInt32

        package init(number: UInt64, bits: UInt32) {
            self.number = number
            self.bits = bits
        }
    }

    /// The fewest prefixes that are just the range.
    package static func prefixes(of range: ClosedRange<UInt64>) -> [NumberPrefix] {
        var prefixes: [NumberPrefix] = []
        var start = range.lowerBound
        while true {
            // As many low bits as are 0 in the start and do not lead beyond the end.
            var free = start == 0 ? 64 : start.trailingZeroBitCount
            while free > 0, start | (free == 64 ? .max : (1 << UInt64(free)) - 1) > range.upperBound { free -= 1 }
            let last = start | (free == 64 ? .max : (1 << UInt64(free)) - 1)
            prefixes.append(NumberPrefix(number: start, bits: UInt32(64 - free)))
            if last >= range.upperBound { return prefixes }
            start = last + 1
        }
    }

    /// The same of numbers with a sign, which the kernel has as 64 bits with the sign extended.
    package static func prefixes(of range: ClosedRange<Int64>) -> [NumberPrefix] {
        let (low, high) = (UInt64(bitPattern: range.lowerBound), UInt64(bitPattern: range.upperBound))
        return range.lowerBound < 0 && range.upperBound >= 0
            ? prefixes(of: low...UInt64.max) + prefixes(of: 0...high) : prefixes(of: low...high)
    }

    /// For POL_IN_RANGES.
    package func insert(prefixes: [NumberPrefix], into set: UInt32) throws(SensorError) {
        for prefix in prefixes {
            var key = pol_range_key()
            key.prefix = 32 + prefix.bits
            key.set = set
            withUnsafeMutableBytes(of: &key.number) { $0.storeBytes(of: prefix.number.bigEndian, as: UInt64.self) }
            try self.set("pol_ranges", key, UInt8(1))
        }
    }

    /// For POL_ADDRESS_FROM and POL_ADDRESS_TO.
    /// - Parameters:
    ///   - address: 16 bytes; of IPv4 as `::ffff:a.b.c.d`.
    ///   - bits: how many of them count: of IPv4 96 more than the prefix length that people write.
    package func insert(network address: [UInt8], bits: UInt32, into set: UInt32) throws(SensorError) {
        guard address.count == 16, bits <= 128 else {
            throw SensorError("put an address of \(address.count) bytes into", "a set", errno: EINVAL)
        }
        var key = pol_address_key()
        key.prefix = 32 + bits
        key.set = set
        withUnsafeMutableBytes(of: &key.address) { $0.copyBytes(from: address) }
        try self.set("pol_addresses", key, UInt8(1))
    }

    /// For POL_CONTAINS and POL_CONTAINS_ANY_CASE.
    /// - Parameter first: row of pol_transitions that is the automaton's first; as many as its `rows` follow.
    package func insert(
        _ automaton: SubstringAutomaton, atRow first: UInt32, into set: UInt32
    ) throws(SensorError) {
        for index in 0..<automaton.rows {
            var row = pol_transitions()
            let next = automaton.row(index).withUnsafeBytes { Array($0) }
            withUnsafeMutableBytes(of: &row.next) { $0.copyBytes(from: next) }
            try self.set("pol_transitions", first + UInt32(index), row)
        }
        var value = pol_automaton()
        value.first = first
        value.width = UInt32(automaton.width)
        withUnsafeMutableBytes(of: &value.classes) { $0.copyBytes(from: automaton.classes) }
        try self.set("pol_automata", set, value)
    }

    /// Lets a row's counts begin with 0: it is to be another's.
    package func clearCounts(ofRow index: UInt32) throws(SensorError) {
        for account in Self.accounts(ofRow: index) { try self.set("pol_row_counts", account, pol_counts()) }
    }

    /// What became of the hits of a row since its counts began: of each selector that the shape has (of the one that
    /// every hit matches, where it has none), by enum pol_count.
    package func counts(ofRow index: UInt32) throws(SensorError) -> [[UInt64]] {
        let map = bpf_map__fd(try map("pol_row_counts"))
        return try Self.accounts(ofRow: index).prefix(max(1, Int(shape.selectors))).map { account throws(SensorError) in
            var (key, value) = (account, pol_counts())
            guard bpf_map_lookup_elem(map, &key, &value) == 0 else {
                throw SensorError("read", "the map pol_row_counts")
            }
            return withUnsafeBytes(of: value) { Array($0.bindMemory(to: UInt64.self)) }
        }
    }

    private static func accounts(ofRow index: UInt32) -> Range<UInt32> {
        let first = index * POL_SELECTORS_MAX.rawValue
        return first..<first + POL_SELECTORS_MAX.rawValue
    }
}
