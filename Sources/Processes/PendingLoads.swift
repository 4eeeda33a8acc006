// SPDX-License-Identifier: Apache-2.0
internal import Sensors

/// What processes have mapped to run it, until the ring has told who they were by then.
struct PendingLoads {
    enum Item {
        case mapped(MappedFile)
        /// What follows belongs to a program whose exec the ring is about to tell of.
        case executes(time: UInt64)

        var time: UInt64 {
            switch self {
            case .mapped(let file): file.time
            case .executes(let time): time
            }
        }
    }

    private struct Waiting {
        let item: Item
        /// Where the ring's end was when it had happened.
        let end: UInt64
    }

    private var queues: [UInt32: [Waiting]] = [:]
    private var count = 0

    /// What one look may bring from some dozen processors.
    static let most = 65_536
    /// So long an exec is waited for, ns: its record may have been lost.
    private static let patience: UInt64 = 1_000_000_000

    var isEmpty: Bool { queues.isEmpty }

    /// False if there are too many.
    mutating func add(_ item: Item, of process: UInt32, end: UInt64) -> Bool {
        guard count < Self.most else { return false }
        queues[process, default: []].append(Waiting(item: item, end: end))
        count += 1
        return true
    }

    /// A process's exec is told, at `time`: what was mapped before belongs to what it ran until then. The exec's own mark
    /// is taken, too, and what is behind it left.
    mutating func take(of process: UInt32, beforeExecAt time: UInt64) -> [MappedFile] {
        guard let queue = queues[process] else { return [] }
        let mark = queue.lastIndex {
            if case .executes(let begun) = $0.item { begun <= time } else { false }
        }
        guard let mark else { return take(of: process) { $0.item.time <= time } }
        return take(mark + 1, of: process)
    }

    /// What belongs to the program that a process runs, up to its next exec.
    mutating func takeCurrent(of process: UInt32) -> [MappedFile] {
        take(of: process) { if case .mapped = $0.item { true } else { false } }
    }

    /// All of a process that ends.
    mutating func takeAll(of process: UInt32) -> [MappedFile] { take(of: process) { _ in true } }

    /// What no record can be missing for any more, because the ring has been read up to `position`.
    mutating func takeSettled(at now: UInt64, readTo position: UInt64) -> [MappedFile] {
        var files: [MappedFile] = []
        for process in queues.keys.sorted() {
            files += take(of: process) { waiting in
                switch waiting.item {
                case .mapped: waiting.end <= position
                case .executes(let time): now > time &+ Self.patience
                }
            }
        }
        return files
    }

    mutating func takeEverything() -> [MappedFile] { queues.keys.sorted().flatMap { takeAll(of: $0) } }

    private mutating func take(of process: UInt32, while isWanted: (Waiting) -> Bool) -> [MappedFile] {
        guard let queue = queues[process] else { return [] }
        return take(queue.prefix(while: isWanted).count, of: process)
    }

    private mutating func take(_ number: Int, of process: UInt32) -> [MappedFile] {
        guard number > 0, let queue = queues[process] else { return [] }
        count -= number
        queues[process] = number < queue.count ? Array(queue.dropFirst(number)) : nil
        return queue.prefix(number).compactMap { if case .mapped(let file) = $0.item { file } else { nil } }
    }
}

/// What has been told of lately: of a file that a program maps again nothing is said.
///
/// It keeps hashes, with a seed that nobody outside knows.
struct RecentLoads {
    private var hashes: Set<Int> = []
    private var order: [Int] = []
    private var next = 0
    private static let most = 8192

    /// False if it is there already.
    mutating func insert(_ hash: Int) -> Bool {
        guard hashes.insert(hash).inserted else { return false }
        if order.count < Self.most {
            order.append(hash)
        } else {
            hashes.remove(order[next])
            order[next] = hash
            next = (next + 1) % Self.most
        }
        return true
    }
}
