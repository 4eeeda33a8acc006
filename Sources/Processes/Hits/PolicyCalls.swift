// SPDX-License-Identifier: Apache-2.0

/// Calls that have begun and not returned yet, oldest first, bounded in number, bytes and time.
struct PolicyCalls {
    /// Policies that are hit by one call have records of their own.
    struct Key: Hashable {
        let tid: UInt32
        /// When the call began, ns of CLOCK_BOOTTIME.
        let call: UInt64
        let row: UInt32
    }

    struct Limits {
        var count = 8192
        var bytes = 8 << 20
        /// A call that takes longer is told without what it returns.
        var nanoseconds: UInt64 = 5_000_000_000
    }

    private let limits: Limits
    private var waiting: [Key: ProcessEvent] = [:]
    /// Those that have returned stay in here until their turn comes.
    private var order: [Key] = []
    private var first = 0
    private var bytes = 0
    /// How many each process has.
    private var processes: [UInt32: Int] = [:]

    init(_ limits: Limits = Limits()) { self.limits = limits }

    var isEmpty: Bool { waiting.isEmpty }
    var count: Int { waiting.count }

    /// - Returns: the oldest ones, for which there is no room any more.
    mutating func add(_ key: Key, _ event: ProcessEvent) -> [ProcessEvent] {
        var left: [ProcessEvent] = []
        if let twice = take(key) { left.append(twice) }
        waiting[key] = event
        order.append(key)
        bytes += event.hitSize
        processes[event.process.pid, default: 0] += 1
        while waiting.count > limits.count || bytes > limits.bytes, waiting.count > 1, let oldest = takeOldest() {
            left.append(oldest)
        }
        return left
    }

    mutating func take(_ key: Key) -> ProcessEvent? {
        guard let event = waiting.removeValue(forKey: key) else { return nil }
        bytes -= event.hitSize
        let pid = event.process.pid
        processes[pid] = (processes[pid] ?? 1) > 1 ? (processes[pid] ?? 1) - 1 : nil
        trim()
        return event
    }

    /// Those that have waited for too long.
    mutating func overdue(at now: UInt64) -> [ProcessEvent] {
        var left: [ProcessEvent] = []
        while first < order.count, let event = waiting[order[first]], now > event.bootTime &+ limits.nanoseconds {
            if let event = take(order[first]) { left.append(event) }
        }
        return left
    }

    /// Those of a process that ends.
    mutating func take(ofProcess pid: UInt32) -> [ProcessEvent] {
        guard processes[pid] != nil else { return [] }
        return take { $0.1.process.pid == pid }
    }

    /// Those of a hook that is no more.
    mutating func take(ofRow row: UInt32) -> [ProcessEvent] { take { $0.0.row == row } }

    mutating func takeAll() -> [ProcessEvent] { take { _ in true } }

    private mutating func take(where isWanted: ((Key, ProcessEvent)) -> Bool) -> [ProcessEvent] {
        let keys = order[first...].filter { key in waiting[key].map { isWanted((key, $0)) } == true }
        return keys.compactMap { take($0) }
    }

    private mutating func takeOldest() -> ProcessEvent? { first < order.count ? take(order[first]) : nil }

    /// The first in order is one that waits.
    private mutating func trim() {
        while first < order.count, waiting[order[first]] == nil { first += 1 }
        if first == order.count || first > 4096 && 2 * first > order.count {
            order.removeFirst(first)
            first = 0
        }
        // Short calls behind a long one.
        if order.count - first > 4 * limits.count { order.removeAll { waiting[$0] == nil } }
    }
}

extension ProcessEvent {
    fileprivate var hitSize: Int { if case .policy(let hit) = kind { hit.size } else { 0 } }
}
