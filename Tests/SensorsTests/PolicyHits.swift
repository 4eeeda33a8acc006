// SPDX-License-Identifier: Apache-2.0
import CRecords
import Sensors

/// What came of a policy's hit, in a test's hands.
struct PolicyHit {
    let fixed: rec_policy
    private(set) var values: [UInt8: [UInt8]] = [:]
    let kernelStack: [UInt64]
    let userStack: [UInt64]
    let hash: [UInt8]

    init(_ view: PolicyView) {
        fixed = view.fixed
        for value in view.values { values[value.head.index] = Array(value.bytes) }
        kernelStack = Self.words(view.kernelStack)
        userStack = Self.words(view.userStack)
        hash = Array(view.hash)
    }

    private static func words(_ bytes: UnsafeRawBufferPointer) -> [UInt64] {
        stride(from: 0, to: bytes.count, by: 8).map { bytes.loadUnaligned(fromByteOffset: $0, as: UInt64.self) }
    }

    var row: UInt32 { fixed.row }
    var tid: UInt32 { fixed.tid }
    var call: UInt64 { fixed.call }
    var function: UInt32 { fixed.function }
    var action: UInt8 { fixed.action }

    func has(_ flag: pol_record_flag) -> Bool { fixed.flags & flag.rawValue != 0 }

    func number(_ index: Int) -> Int64? {
        guard let bytes = values[UInt8(index)], bytes.count == 8 else { return nil }
        return bytes.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) }
    }

    func text(_ index: Int) -> String? { values[UInt8(index)].map { String(decoding: $0, as: UTF8.self) } }

    /// Of the first value; empty where there is none.
    var text: String { text(0) ?? "" }
}

extension KernelSuite {
    /// Nothing of an earlier test is in the ring.
    func policyMaps() throws -> PolicyMaps {
        _ = try takeHits()
        return try sensors.policyMaps(Hierarchy.configuration(ringBytes: 64 << 20), types: KernelTypes())
    }

    /// What the programs have sent since somebody looked last.
    func takeHits() throws -> [PolicyHit] { try sensors.takeHits() }
}

extension BaseSensors {
    func takeHits() -> [PolicyHit] {
        var hits: [PolicyHit] = []
        while drain(
            limit: 256,
            { bytes in
                if case .policy(let view)? = try? Record(bytes) { hits.append(PolicyHit(view)) }
            }) > 0
        {}
        return hits
    }
}
