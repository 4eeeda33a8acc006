// SPDX-License-Identifier: Apache-2.0

/// Holds the events of containers of which nobody has told yet, in order, bounded in time and bytes.
struct Barrier {
    /// What waits for the word about one directory.
    struct Queue {
        fileprivate(set) var events: [ProcessEvent] = []
        /// Images made in the directory: others' events may show them as parents later.
        fileprivate(set) var images: [ProcessImage] = []
        fileprivate var since: UInt64?
        fileprivate var isAskedFor = false
        fileprivate var bytes = 0

        /// Returns the bytes that it keeps in memory, roughly.
        fileprivate mutating func add(_ event: ProcessEvent) -> Int {
            // A parent's text is kept once for all of its children.
            let parent = event.parent === events.last?.parent ? 0 : event.parent?.textSize ?? 0
            let size = 512 + event.process.textSize + event.process.binary.utf8.count + parent
            if since == nil { since = event.bootTime }
            events.append(event)
            bytes += size
            return size
        }
    }

    private var queues: [UInt64: Queue] = [:]
    private var bytes = 0
    /// Of events that records of the ring have made.
    private(set) var eventCount = 0
    private let limits: BarrierLimits
    private static let imageBytes = 256

    init(_ limits: BarrierLimits) { self.limits = limits }

    var isEmpty: Bool { queues.isEmpty }

    /// - Parameter directory: the awaited cgroup.
    mutating func hold(_ event: ProcessEvent, for directory: UInt64) {
        bytes += queues[directory, default: Queue()].add(event)
        if event.isOfRing { eventCount += 1 }
        event.process.heldFor = directory
    }

    mutating func remember(_ image: ProcessImage, in directory: UInt64) {
        queues[directory, default: Queue()].images.append(image)
        queues[directory]?.bytes += Self.imageBytes
        bytes += Self.imageBytes
    }

    /// A directory for which too much is kept: itself, or the one with the most if it is too much for all.
    func overfull(_ directory: UInt64) -> UInt64? {
        if let queue = queues[directory], queue.bytes > limits.bytesEach { return directory }
        return bytes > limits.bytes ? queues.max { $0.value.bytes < $1.value.bytes }?.key : nil
    }

    /// What waited for the word about a directory.
    mutating func release(_ directory: UInt64) -> Queue? {
        guard let queue = queues.removeValue(forKey: directory) else { return nil }
        bytes -= queue.bytes
        eventCount -= queue.events.count(where: \.isOfRing)
        return queue
    }

    /// Directories whose first event has waited too long.
    func overdue(at now: UInt64) -> [UInt64] {
        queues.filter { now > $0.value.since.map { $0 &+ limits.nanoseconds } ?? .max }.map(\.key)
    }

    /// Whether some have waited so long that the hook, if there is one, has given up; each is told of once.
    mutating func hasUnansweredHook(at now: UInt64) -> Bool {
        var found = false
        for (directory, queue) in queues where !queue.isAskedFor {
            guard let since = queue.since, now > since &+ limits.hookNanoseconds else { continue }
            queues[directory]?.isAskedFor = true
            found = true
        }
        return found
    }

    var directories: [UInt64] { Array(queues.keys) }
}

extension ProcessEvent {
    /// Of mapped files others tell.
    fileprivate var isOfRing: Bool { if case .loader = kind { false } else { true } }
}

/// How long and how much may wait for the word about a container.
package struct BarrierLimits: Sendable {
    package var nanoseconds: UInt64
    /// A hook that has not told by then will not: it has a time limit of its own.
    package var hookNanoseconds: UInt64
    /// For one directory,
    package var bytesEach: Int
    /// and for all.
    package var bytes: Int

    package init(
        nanoseconds: UInt64 = 5_000_000_000, hookNanoseconds: UInt64 = 1_000_000_000, bytesEach: Int = 1 << 20,
        bytes: Int = 16 << 20
    ) {
        self.nanoseconds = nanoseconds
        self.hookNanoseconds = hookNanoseconds
        self.bytesEach = bytesEach
        self.bytes = bytes
    }
}
