// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Sensors

/// What followed the beginning of a long value.
struct ValueRest {
    fileprivate(set) var bytes: [UInt8] = []
    fileprivate var parts: UInt32 = 0
    /// Its last part has come, none was lost, and the kernel had room and sight for all of it.
    fileprivate(set) var isWhole = false
    fileprivate var hasEnded = false

    /// A part behind a lost one is left out, so that what is shown is a true beginning.
    fileprivate mutating func append(_ part: PolicyDataView) {
        guard !hasEnded, part.fixed.number == parts else {
            hasEnded = true
            return
        }
        bytes.append(contentsOf: part.bytes)
        parts += 1
        hasEnded = part.isLast
        let faults = POL_TRUNCATED.rawValue | POL_UNREADABLE.rawValue
        isWhole = hasEnded && UInt32(part.fixed.value_flags) & faults == 0
    }
}

/// A hit of which values are still arriving.
struct PartialHit {
    /// As it arrived.
    let record: [UInt8]
    let tid: UInt32
    let call: UInt64
    let pid: UInt32
    private(set) var rests: [UInt8: ValueRest] = [:]

    /// Nil if it is all there.
    init?(_ view: PolicyView, record: UnsafeRawBufferPointer) {
        for value in view.values where value.has(POL_CONTINUED) { rests[value.head.index] = ValueRest() }
        if rests.isEmpty { return nil }
        self.record = Array(record)
        (tid, call, pid) = (view.fixed.tid, view.fixed.call, view.fixed.image.tgid)
    }

    var isComplete: Bool { rests.values.allSatisfy(\.hasEnded) }
    var size: Int { rests.values.reduce(record.count) { $0 + $1.bytes.count } }

    fileprivate mutating func append(_ part: PolicyDataView) { rests[part.fixed.index]?.append(part) }
}

/// Those of all threads, oldest first, bounded in bytes.
struct PartialHits {
    private var hits: [PartialHit] = []
    private var bytes = 0
    private static let mostBytes = 8 << 20
    private static let most = 256

    var isEmpty: Bool { hits.isEmpty }
    var count: Int { hits.count }

    /// - Returns: the oldest, for which there is no room any more.
    mutating func add(_ hit: PartialHit) -> [PartialHit] {
        hits.append(hit)
        bytes += hit.size
        return overflow()
    }

    /// The parts of a hit are for every policy that it was a hit of.
    /// - Returns: those that are complete now, or have no room any more.
    mutating func append(_ part: PolicyDataView) -> [PartialHit] {
        for index in hits.indices where hits[index].tid == part.fixed.tid && hits[index].call == part.fixed.call {
            let before = hits[index].size
            hits[index].append(part)
            bytes += hits[index].size - before
        }
        return take { $0.isComplete } + overflow()
    }

    /// Those of a thread that is in another call by now.
    mutating func takeOthers(of tid: UInt32, than call: UInt64) -> [PartialHit] {
        take { $0.tid == tid && $0.call != call }
    }

    /// - Parameter pid: nil for all.
    mutating func take(ofProcess pid: UInt32?) -> [PartialHit] { take { pid == nil || $0.pid == pid } }

    private mutating func overflow() -> [PartialHit] {
        var left: [PartialHit] = []
        while hits.count > Self.most || bytes > Self.mostBytes {
            let oldest = hits.removeFirst()
            bytes -= oldest.size
            left.append(oldest)
        }
        return left
    }

    private mutating func take(where isWanted: (PartialHit) -> Bool) -> [PartialHit] {
        let taken = hits.filter(isWanted)
        guard !taken.isEmpty else { return [] }
        hits.removeAll(where: isWanted)
        bytes -= taken.reduce(0) { $0 + $1.size }
        return taken
    }
}
