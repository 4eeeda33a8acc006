// SPDX-License-Identifier: Apache-2.0
import CRecords

/// Values of one hit that are longer than its record has room for, as their parts come.
///
/// The parts follow their hit's record and precede whatever else the same thread does; a part that found no room leaves
/// a gap in its CPU's numbers. So the owner gives up, with ``abandon()``, at another record of the same thread, at a gap
/// of the same CPU, or when it has waited long enough: what is there then is told, as truncated.
package struct LongValues {
    private struct Value {
        var bytes: [UInt8]
        var parts: UInt32 = 0
        var flags: UInt16
        var isComplete = false
    }

    private let call: UInt64
    private let tid: UInt32
    private var values: [UInt8: Value] = [:]

    /// Nil if nothing is to come.
    package init?(of hit: PolicyView) {
        (call, tid) = (hit.fixed.call, hit.fixed.tid)
        for value in hit.values where value.has(POL_CONTINUED) {
            let flags = value.head.flags & ~UInt16(POL_CONTINUED.rawValue)
            values[value.head.index] = Value(bytes: Array(value.bytes), flags: flags)
        }
        if values.isEmpty { return nil }
    }

    /// All of it is there, or known to be lost.
    package var isComplete: Bool { values.values.allSatisfy(\.isComplete) }

    /// - Returns: whether it is a part of this hit. One that does not follow the part before ends its value as truncated.
    package mutating func take(_ part: PolicyDataView) -> Bool {
        guard part.fixed.call == call, part.fixed.tid == tid, var value = values[part.fixed.index] else { return false }
        guard !value.isComplete else { return true }
        if part.fixed.number == value.parts, Int(part.fixed.offset) == value.bytes.count,
            value.bytes.count + part.bytes.count <= Int(POL_DATA_MAX.rawValue)
        {
            value.bytes += part.bytes
            value.parts += 1
            value.flags |= part.fixed.value_flags
            value.isComplete = part.isLast
        } else {
            value.flags |= UInt16(POL_TRUNCATED.rawValue)
            value.isComplete = true
        }
        values[part.fixed.index] = value
        return true
    }

    /// What has not come will not.
    package mutating func abandon() {
        for (index, value) in values where !value.isComplete {
            values[index]?.flags |= UInt16(POL_TRUNCATED.rawValue)
            values[index]?.isComplete = true
        }
    }

    /// A value whole, as far as it has come, with enum pol_value_flag; nil for one that the hit's record has whole.
    package subscript(_ index: UInt8) -> (bytes: [UInt8], flags: UInt16)? { values[index].map { ($0.bytes, $0.flags) } }
}
