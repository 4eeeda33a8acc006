// SPDX-License-Identifier: Apache-2.0
import CLinux
import CRecords
import Containers
import Events
import Glibc
import Logging
import Models
import PolicyEngine
import Processes
import Sensors
import Server
import Synchronization

/// The one thread that drains the ring and owns the process table and the registry.
///
/// Everybody else sends it messages, which it takes between batches: a hook never waits behind a storm.
final class Writer: @unchecked Sendable {
    /// Records between two looks at the messages.
    static let batch = 256
    static let roundsBeforeMail = 16
    /// Long arguments and environments make events of megabytes out of small records: not a whole batch of them at once.
    private static let mostWaitingBytes = 1 << 20
    /// In a storm that never lets the ring run dry.
    private static let roundsBetweenReports = 128
    /// A table that outgrows this is swept of processes whose exit was lost.
    private var sweepAt: Int

    /// Called with the cgroups of registered containers that have gone.
    let containersGone: @Sendable ([UInt64]) -> Void
    /// Called with what hits of policies ask of the agent itself. Waits for nothing.
    private let reachOut: @Sendable (AgentAction) -> Void
    let hub: EventHub
    private let encoder: EventEncoder
    let procfs: Procfs
    let hierarchy: CgroupHierarchy
    let scopes: PolicyScopes
    let log: Logger
    let mailbox = Mailbox()
    let stacks: StackThread
    let published = Mutex(Report())
    private let lastRound = Atomic<UInt64>(0)
    let last = Mutex(Ledger())
    let ended = Mutex<CheckedContinuation<Void, Never>?>(nil)

    // The thread's own from start() on.
    let sensors: BaseSensors
    var tracker: ProcessTracker
    var waiting: [ProcessEvent] = []
    private var waitingBytes = 0
    var events = EventCounts()
    private var suspects: [rec_image] = []
    var lastCount: UInt64 = 0
    /// Something has come since the kernel's counters were read.
    var countIsStale = false
    var kernel = KernelCounts()
    var longestHeld: UInt64 = 0
    var totalHeld: UInt64 = 0
    var contradictions: UInt64 = 0
    var isTestSensorOn = false
    /// While a policy asks for it.
    var loads: LoadWatch?
    /// Of watches that are over.
    var earlierLosses = LoadLosses()
    var window = RecordWindow()
    /// Paths of the cgroups whose events are limited.
    private var throttled: [UInt64: String] = [:]
    /// Events whose stacks are with ``stacks``.
    var naming = NamingQueue()
    private var lostAtLastSweep: UInt64 = 0
    var lossNews = LossNews()
    var lostAtLastWarning: UInt64 = 0
    var loadsLostAtLastWarning: UInt64 = 0

    init(
        sensors: BaseSensors, tracker: ProcessTracker, hub: EventHub, encoder: EventEncoder, procfs: Procfs,
        hierarchy: CgroupHierarchy, scopes: PolicyScopes, sweepAt: Int, log: Logger,
        containersGone: @escaping @Sendable ([UInt64]) -> Void, reachOut: @escaping @Sendable (AgentAction) -> Void
    ) {
        self.containersGone = containersGone
        (nameless, sayNameless) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.reachOut = reachOut
        stacks = StackThread(procfs: procfs.root) { [mailbox] in mailbox.send(.named($0)) }
        self.sensors = sensors
        self.tracker = tracker
        self.hub = hub
        self.encoder = encoder
        self.procfs = procfs
        self.hierarchy = hierarchy
        self.scopes = scopes
        self.sweepAt = sweepAt
        self.log = log
    }

    var report: Report {
        var report = published.withLock { $0 }
        report.lastRound = lastRound.load(ordering: .relaxed)
        return report
    }

    /// Says so each time that a container has come of which nobody told.
    let nameless: AsyncStream<Void>
    let sayNameless: AsyncStream<Void>.Continuation

    /// Attaches the sensors, learns what is there, and goes on in a thread of its own. Returns when existing
    /// processes are known.
    ///
    /// - Parameters:
    ///   - told: containers that hooks told of before this agent was there, and that are still there.
    ///   - found: containers that runtimes tell of.
    func start(told: [Container], found: [Container]) throws {
        try sensors.attach()
        let paths = tracker.registry.discover(hierarchy)
        for container in told { remember(container) }
        learn(found)
        var tasks: [[UInt8]] = []
        try sensors.forEachTask { tasks.append(Array($0)) }
        var early: [[UInt8]] = []
        while sensors.drain(limit: Self.batch, { early.append(Array($0)) }) > 0 {}
        let adopted = tracker.adopt(tasks: tasks, early: early, procfs: procfs, cgroupPaths: paths) {
            waiting.append($0)
        }
        // Who has gone meanwhile needs no arming.
        for seed in adopted.inits { try? sensors.arm(tgid: seed.tgid, cgroup: seed.cgroup) }
        var seeds = adopted.trees
        publish()
        var marked = Set(seeds.map(\.tgid))
        for record in early {
            record.withUnsafeBytes {
                if let late = ProcessTracker.unmarkedChild($0, of: marked) {
                    seeds.append(late)
                    marked.insert(late.tgid)
                }
                apply($0)
            }
        }
        try seed(seeds)
        tellScopes()
        publish()
        renewReport()
        lastRound.store(WallClock.bootNanoseconds, ordering: .relaxed)

        var thread = pthread_t()
        let failure = pthread_create(
            &thread, nil,
            { context in
                apus_name_thread("apus-writer")
                Unmanaged<Writer>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
        guard failure == 0 else {
            throw StartError("cannot start the writer thread: \(String(cString: strerror(failure)))")
        }
    }

    /// Ends the thread; what the ring holds by then is still published.
    func stop() async {
        await withCheckedContinuation { continuation in
            ended.withLock { $0 = continuation }
            mailbox.send(.stop)
        }
    }

    /// From now on no container is taken: for when the thread never started, or has ended.
    func refuse() { mailbox.refuse() }

    // MARK: The thread

    func run() {
        var quietRounds = 0
        var busyRounds = 0
        var running = true
        while running {
            lastRound.store(WallClock.bootNanoseconds, ordering: .relaxed)
            running = takeMail()
            let delivered = drain()
            quietRounds = delivered == 0 ? quietRounds + 1 : 0
            busyRounds = delivered > 0 ? busyRounds + 1 : 0
            if delivered > 0 { countIsStale = true }
            tracker.releaseOverdue(at: WallClock.bootNanoseconds) { letGo($0) }
            tracker.releaseOverdueCalls(at: WallClock.bootNanoseconds) { wait($0) }
            for event in naming.overdue(at: WallClock.bootNanoseconds) { add(event, hasNames: false) }
            for action in tracker.takeAgentActions() { reachOut(action) }
            tellThrottles()
            if tracker.hasLateTrees { markLateTrees() }
            tellScopes()
            if tracker.registry.takeNameless() { askRuntimes() }
            if quietRounds == 2 { quiet() }
            // What a CPU lost last leaves no gap: its counter tells, and that may have been too fresh to be read again.
            let isLate = quietRounds > 2 && countIsStale && isCountDue(at: WallClock.bootNanoseconds)
            if busyRounds % Self.roundsBetweenReports == 1 || isLate { takeStock() }
            if !publish() { hub.deliver(everything: quietRounds > 1) }
            if delivered < Self.batch, running {
                sensors.pause(
                    afterDelivering: delivered, wakeDescriptor: mailbox.wakeDescriptor,
                    otherDescriptor: loads?.files.descriptor ?? -1)
            }
        }
        // Nothing new comes from here on; what was sent is still told.
        sensors.detach()
        while drain() > 0 { publish() }
        readCounters()
        quiet()
        tracker.releaseAllLoads { wait($0) }
        tracker.releaseAllCalls { wait($0) }
        tracker.releaseAll { letGo($0) }
        for event in naming.takeAll() { add(event, hasNames: false) }
        stacks.stop()
        publish()
        last.withLock { $0 = accounts() }
        mailbox.refuse()
        ended.withLock { $0 }?.resume()
    }

    /// A batch from the ring, none of which is younger than what is known by then of mapped files.
    /// - Returns: how much there was.
    func drain(_ look: (UnsafeRawBufferPointer) -> Void = { _ in }) -> Int {
        guard let loads else {
            return sensors.drain(limit: Self.batch) {
                look($0)
                apply($0)
            }
        }
        let end = sensors.written
        let mapped = loads.files.read()
        tracker.mapped(mapped, end: sensors.written)
        let delivered = sensors.drain(limit: Self.batch, upTo: end) {
            look($0)
            apply($0)
        }
        tracker.releaseLoads(readTo: sensors.read, at: WallClock.bootNanoseconds) { wait($0) }
        return delivered + mapped.count + (loads.files.hasMore ? 1 : 0)
    }

    func apply(_ record: UnsafeRawBufferPointer) {
        tracker.apply(record) { wait($0) }
        if waitingBytes > Self.mostWaitingBytes { publish() }
    }

    /// Until the end of the round; with a stack, until its places have names.
    func wait(_ event: ProcessEvent) {
        // Only now is it known whose it is.
        if case .loader = event.kind, loads?.includes(event.process.container) != true { return }
        if case .policy(let hit) = event.kind, hit.hasStack {
            if let work = naming.add(event, hit, at: WallClock.bootNanoseconds) {
                if stacks.take(work) { return }
                naming.giveUp(work)
            }
            return add(event, hasNames: false)
        }
        add(event, hasNames: true)
    }

    func add(_ event: ProcessEvent, hasNames: Bool) {
        if !hasNames { events.unnamedStacks += 1 }
        waiting.append(event)
        if isTestSensorOn { lookForMarker(event) }
        waitingBytes += event.process.textSize + (event.parent?.textSize ?? 0)
        if case .policy(let hit) = event.kind { waitingBytes += hit.size }
    }

    /// Cgroups that begin to have too many events, or have not any more.
    private func tellThrottles() {
        let now = WallClock.bootNanoseconds
        for change in tracker.throttles.take(at: now) {
            let path =
                throttled[change.cgroup] ?? procfs.cgroupPath(of: change.pid, in: hierarchy)
                ?? tracker.registry.tree.container(above: change.cgroup)?.cgroupPath ?? "\(change.cgroup)"
            throttled[change.cgroup] = change.isStart ? path : nil
            events.throttles += 1
            log.notice(
                change.isStart ? "a cgroup's events are limited" : "a cgroup's events are limited no more",
                metadata: ["cgroup": "\(path)"])
            // In its place among the others.
            publish()
            let throttle = Throttle(
                isStart: change.isStart, cgroup: path, bootTime: change.time, time: tracker.wallTime(change.time))
            hub.publish { [encoder.encode(throttle, formats: $0)] }
        }
    }

    /// The sensor `test`'s part in an event.
    private func lookForMarker(_ event: ProcessEvent) {
        guard event.kind == .exec, let marker = TestMarker(arguments: event.process.arguments) else { return }
        waiting.append(
            ProcessEvent(
                kind: .test(marker), bootTime: event.bootTime, time: event.time, process: event.process, references: 0,
                parent: event.parent, parentReferences: 0))
    }

    /// What waited for somebody's word on its container.
    func letGo(_ event: ProcessEvent) {
        let held = WallClock.bootNanoseconds &- event.bootTime
        longestHeld = max(longestHeld, held)
        totalHeld &+= held
        wait(event)
    }

    /// Returns whether there was anything.
    @discardableResult func publish() -> Bool {
        guard !waiting.isEmpty else { return false }
        waitingBytes = 0
        for event in waiting { events.count(event) }
        hub.publish { formats in waiting.map { encoder.encode($0, formats: formats) } }
        waiting.removeAll(keepingCapacity: true)
        return true
    }

    /// The ring has run dry: who still waits for arguments has lost them, and there is time to look after processes
    /// whose exit was lost.
    private func quiet() {
        tracker.ringIsEmpty { waiting.append($0) }
        takeStock()
        let lost = recordsLost
        if !suspects.isEmpty {
            // Gone when it was last quiet, and all that the ring held then has been read: their exit was lost.
            tracker.remove(suspects)
            suspects = []
        }
        guard lost != lostAtLastSweep || tracker.processCount > sweepAt else { return }
        if lost != lostAtLastSweep { tracker.registry.reconcile(hierarchy) }
        lostAtLastSweep = lost
        suspects = tracker.processes { kill(pid_t(bitPattern: $0), 0) != 0 && errno == ESRCH }
        sweepAt = max(sweepAt, 2 * tracker.processCount)
    }

}

struct StartError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
