// SPDX-License-Identifier: Apache-2.0
internal import CRecords

/// Counts the records that a CPU numbered and the agent never saw.
///
/// Each CPU numbers its records before it asks the ring for room. What arrives may be out of order, so nothing is
/// concluded from a gap: the highest number less the count of arrivals is what was lost.
package struct LossLedger: Sendable {
    private var cpus: [(highest: UInt64, received: UInt64)] = []
    /// Records shorter than they claim, or of no known type.
    package internal(set) var malformed: UInt64 = 0

    package var received: UInt64 { cpus.reduce(0) { $0 + $1.received } }
    package var lost: UInt64 { cpus.reduce(0) { $0 + ($1.highest &- $1.received) } }
    /// By the CPU's number.
    package var lostByCPU: [UInt64] { cpus.map { $0.highest &- $0.received } }

    mutating func arrived(_ head: rec_head) {
        let cpu = Int(head.cpu)
        while cpus.count <= cpu { cpus.append((0, 0)) }
        cpus[cpu].received += 1
        cpus[cpu].highest = max(cpus[cpu].highest, head.seq)
    }
}
