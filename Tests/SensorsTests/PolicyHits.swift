// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors

/// What came of a policy's hit, in a test's hands.
struct PolicyHit: Equatable {
    var row: UInt32
    var tid: UInt32
    var call: UInt64
    var function: UInt32
    var flags: UInt32
    var action: UInt8
    var values: [UInt8: [UInt8]] = [:]

    init(_ view: PolicyView) {
        (row, tid, call) = (view.fixed.row, view.fixed.tid, view.fixed.call)
        (function, flags, action) = (view.fixed.function, view.fixed.flags, view.fixed.action)
        for value in view.values { values[value.head.index] = Array(value.bytes) }
    }

    func has(_ flag: pol_record_flag) -> Bool { flags & flag.rawValue != 0 }

    func number(_ index: Int) -> Int64? {
        guard let bytes = values[UInt8(index)], bytes.count == 8 else { return nil }
        return bytes.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) }
    }

    func text(_ index: Int) -> String? { values[UInt8(index)].map { String(decoding: $0, as: UTF8.self) } }
}

/// A shape of values that are posted, whatever they are, and the programs that have it.
struct PlaceTrial {
    var shape = pol_shape()
    var capacity = PolicyCapacity()
    var row = pol_row()

    init(_ arguments: [pol_argument], returns type: pol_type? = nil) {
        withUnsafeMutableBytes(of: &shape.arguments) { bytes in
            let slots = bytes.bindMemory(to: pol_argument.self)
            for (index, argument) in arguments.enumerated() { slots[index] = argument }
        }
        shape.raw_count = arguments.map { $0.raw + 1 }.max() ?? 0
        if let type {
            shape.has_return = 1
            withUnsafeMutableBytes(of: &shape.arguments) { bytes in
                bytes.bindMemory(to: pol_argument.self)[arguments.count] = pol_argument(
                    type: UInt8(type.rawValue), raw: UInt8(POL_RAW_RETURN.rawValue), size_raw: 0,
                    flags: UInt8(POL_AT_RETURN.rawValue), offset: 0, max: 0)
            }
        }
        row.id = 42
        row.until = .max
    }

    static func argument(_ type: pol_type, _ raw: UInt8, max: UInt16 = 0, isFiltered: Bool = false) -> pol_argument {
        pol_argument(
            type: UInt8(type.rawValue), raw: raw, size_raw: 0,
            flags: isFiltered ? UInt8(POL_FILTERED.rawValue) : 0, offset: 0, max: max)
    }

    /// Only where the bytes of the value are these.
    mutating func filter(_ index: UInt8) {
        shape.selectors = 1
        shape.at_entry.0.filters.0 = pol_filter(
            what: UInt8(POL_BYTES.rawValue), index: index, op: UInt8(POL_IN.rawValue), pad: 0)
        row.operands.0.0.a = 3
        capacity.bytes[120] = 4
        capacity.bytes[24] = 4
    }

    func program(at place: PolicyProgram.Place, _ maps: PolicyMaps, oneByOne: Bool = false) throws -> PolicyProgram {
        let program = try PolicyProgram(
            at: place, shape: shape, capacity: capacity, oneByOne: oneByOne, sharing: maps)
        try program.setRow(0, row)
        return program
    }
}

extension KernelSuite {
    /// Nothing of an earlier test is in the ring.
    func policyMaps() throws -> PolicyMaps {
        _ = try takeHits()
        return try sensors.policyMaps(Hierarchy.configuration(ringBytes: 64 << 20), types: KernelTypes())
    }

    /// What the programs have sent since somebody looked last.
    func takeHits() throws -> [PolicyHit] {
        let sensors = try sensors
        var hits: [PolicyHit] = []
        while sensors.drain(
            limit: 256,
            { bytes in
                if case .policy(let view)? = try? Record(bytes) { hits.append(PolicyHit(view)) }
            }) > 0
        {}
        return hits
    }
}
