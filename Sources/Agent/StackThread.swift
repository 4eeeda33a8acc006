// SPDX-License-Identifier: Apache-2.0
import AgentCore
import CLinux
import Events
import Glibc
import Policies
import Processes
import Symbols
import Synchronization

/// A thread that finds names for stacks. It reads files of processes that nobody trusts, and may be slow at it, or stuck:
/// the writer does not wait for it.
final class StackThread: Sendable {
    struct Work: Sendable {
        let number: UInt64
        let hit: PolicyHit
        let pid: UInt32
        /// The program.
        let label: String
    }

    struct Named: Sendable {
        let number: UInt64
        let hit: PolicyHit
    }

    private enum Task: Sendable {
        case name(Work)
        case prepare(CheckedContinuation<Void, Never>)
    }

    private struct State {
        var tasks: [Task] = []
        var isRunning = false
        var isStopped = false
    }

    private let procfs: String
    private let done: @Sendable (Named) -> Void
    private let state = Mutex(State())
    private let trees = Mutex<[String: StackTree]>([:])
    private let wake = apus_eventfd()

    /// What more wait has no names.
    private static let mostWaiting = 4096
    /// Policies that keep a tree.
    private static let mostTrees = 256

    /// - Parameter done: called by the thread.
    init(procfs: String, done: @escaping @Sendable (Named) -> Void) {
        self.procfs = procfs
        self.done = done
    }

    deinit { if wake >= 0 { close(wake) } }

    /// False if it has too much to do.
    func take(_ work: Work) -> Bool { enqueue(.name(work)) }

    /// Returns when the kernel's names are known.
    func prepare() async {
        await withCheckedContinuation { if !enqueue(.prepare($0)) { $0.resume() } }
    }

    func stop() {
        let tasks = state.withLock { state in
            state.isStopped = true
            defer { state.tasks = [] }
            return state.tasks
        }
        for case .prepare(let continuation) in tasks { continuation.resume() }
        ring()
    }

    func tree(of policy: String) -> StackTree.Node? { trees.withLock { $0[policy]?.snapshot } }

    func keepTrees(of policies: Set<String>) {
        trees.withLock { $0 = $0.filter { policies.contains($0.key) } }
    }

    private func enqueue(_ task: Task) -> Bool {
        let (isTaken, isFirst) = state.withLock { state in
            guard !state.isStopped, state.tasks.count < Self.mostWaiting else { return (false, false) }
            state.tasks.append(task)
            defer { state.isRunning = true }
            return (true, !state.isRunning)
        }
        if isFirst, !start() {
            stop()
            return false
        }
        if isTaken { ring() }
        return isTaken
    }

    private func ring() {
        var one: UInt64 = 1
        _ = write(wake, &one, 8)
    }

    private func start() -> Bool {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let failure = pthread_create(
            &thread, nil,
            { context in
                apus_name_thread("apus-stacks")
                Unmanaged<StackThread>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        if failure != 0 { context.release() } else { pthread_detach(thread) }
        return failure == 0
    }

    private func run() {
        let namer = StackNamer(procfs: procfs)
        while true {
            let (tasks, isStopped) = state.withLock { state in
                defer { state.tasks = [] }
                return (state.tasks, state.isStopped)
            }
            if isStopped { return }
            for task in tasks {
                switch task {
                case .prepare(let continuation):
                    namer.prepareKernel()
                    continuation.resume()
                case .name(let work): name(work, namer)
                }
            }
            guard tasks.isEmpty else { continue }
            var event = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
            poll(&event, 1, 1000)
            var count: UInt64 = 0
            _ = read(wake, &count, 8)
        }
    }

    private func name(_ work: Work, _ namer: StackNamer) {
        let kernel = namer.kernelFrames(work.hit.kernelStack)
        let hit = work.hit.named(kernel: kernel, user: namer.userFrames(work.hit.userStack, of: work.pid))
        if !kernel.isEmpty {
            trees.withLock { trees in
                guard trees.count < Self.mostTrees || trees[hit.hook.policy] != nil else { return }
                trees[hit.hook.policy, default: StackTree()].add(kernel, label: work.label)
            }
        }
        done(Named(number: work.number, hit: hit))
    }
}

/// Events whose stacks are about to have names, in order. Writer thread only.
struct NamingQueue {
    private var events: [UInt64: (event: ProcessEvent, since: UInt64)] = [:]
    private var next: UInt64 = 0
    private var oldest: UInt64 = 0

    /// So long an event is held back for names, ns.
    private static let patience: UInt64 = 1_000_000_000
    private static let most = 4096

    var count: Int { events.count }

    /// Nil if there are too many.
    mutating func add(_ event: ProcessEvent, _ hit: PolicyHit, at now: UInt64) -> StackThread.Work? {
        guard events.count < Self.most else { return nil }
        events[next] = (event, now)
        next += 1
        return StackThread.Work(number: next - 1, hit: hit, pid: event.process.pid, label: event.process.binary)
    }

    /// Nobody took it.
    mutating func giveUp(_ work: StackThread.Work) { events[work.number] = nil }

    /// Nil of one that has gone without.
    mutating func take(_ named: StackThread.Named) -> ProcessEvent? {
        events.removeValue(forKey: named.number)?.event.with(.policy(named.hit))
    }

    mutating func overdue(at now: UInt64) -> [ProcessEvent] {
        var left: [ProcessEvent] = []
        while oldest < next {
            if let first = events[oldest] {
                guard now > first.since &+ Self.patience else { break }
                left.append(first.event)
                events[oldest] = nil
            }
            oldest += 1
        }
        return left
    }

    mutating func takeAll() -> [ProcessEvent] { overdue(at: .max) }
}

extension HookDescription {
    var wantsKernelStack: Bool {
        (actions + returnActions).joined().contains {
            if case .post(let post) = $0 { post.hasKernelStack } else { false }
        }
    }
}

extension AncestorKinds {
    /// Those of policies.
    var eventKinds: Set<EventKind> {
        Set(
            kinds.compactMap { kind -> EventKind? in
                switch kind {
                case .base: nil
                case .kprobe: .processKprobe
                case .tracepoint: .processTracepoint
                case .uprobe: .processUprobe
                case .usdt: .processUsdt
                case .lsm: .processLsm
                case .loader: .processLoader
                }
            })
    }
}
