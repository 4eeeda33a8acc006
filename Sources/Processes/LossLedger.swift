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
    /// Of those, the ones that came without a number: no CPU's count has them.
    package internal(set) var malformedUnnumbered: UInt64 = 0

    package var received: UInt64 { cpus.reduce(0) { $0 + $1.received } }
    package var lost: UInt64 { lostByCPU.reduce(0, &+) }
    /// By the CPU's number. More can have come than were numbered only where records are not the kernel's.
    package var lostByCPU: [UInt64] { cpus.map { $0.highest > $0.received ? $0.highest - $0.received : 0 } }
    package var receivedByCPU: [UInt64] { cpus.map(\.received) }

    /// What was lost, whichever way it shows: a CPU's last records leave no gap, and what it counted is seldom asked for.
    /// - Parameter counted: by the CPU's number, records that it found no room for.
    package func lost(counted: [UInt64]) -> UInt64 {
        let numbered = lostByCPU
        return (0..<max(numbered.count, counted.count)).reduce(0) { sum, cpu in
            sum &+ max(cpu < numbered.count ? numbered[cpu] : 0, cpu < counted.count ? counted[cpu] : 0)
        }
    }

    mutating func arrived(_ head: rec_head) {
        let cpu = Int(head.cpu)
        while cpus.count <= cpu { cpus.append((0, 0)) }
        cpus[cpu].received += 1
        cpus[cpu].highest = max(cpus[cpu].highest, head.seq)
    }
}
