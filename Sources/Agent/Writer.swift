// SPDX-License-Identifier: Apache-2.0
import CLinux
import CRecords
import Containers
import Events
import Glibc
import Logging
import Models
import Policies
import PolicyEngine
import Processes
import Sensors
import Server
import Symbols
import Synchronization

/// The one thread that drains the ring and owns the process table and the registry.
///
/// Everybody else sends it messages, which it takes between batches: a hook never waits behind a storm.
final class Writer: @unchecked Sendable {
    /// Records between two looks at the messages.
    private static let batch = 256
    private static let roundsBeforeMail = 16
    /// Long arguments and environments make events of megabytes out of small records: not a whole batch of them at once.
    private static let mostWaitingBytes = 1 << 20
    /// In a storm that never lets the ring run dry.
    private static let roundsBetweenReports = 128
    /// A table that outgrows this is swept of processes whose exit was lost.
    private var sweepAt: Int

    /// Called with the cgroups of registered containers that have gone.
    private let containersGone: @Sendable ([UInt64]) -> Void
    /// Called with what hits of policies ask of the agent itself. Waits for nothing.
    private let reachOut: @Sendable (AgentAction) -> Void
    private let hub: EventHub
    private let encoder: EventEncoder
    private let procfs: Procfs
    private let hierarchy: CgroupHierarchy
    private let scopes: PolicyScopes
    private let log: Logger
    private let mailbox = Mailbox()
    private let stacks: StackThread
    private let published = Mutex(Report())
    private let lastRound = Atomic<UInt64>(0)
    private let last = Mutex(Ledger())
    private let ended = Mutex<CheckedContinuation<Void, Never>?>(nil)

    // The thread's own from start() on.
    private let sensors: BaseSensors
    private var tracker: ProcessTracker
    private var waiting: [ProcessEvent] = []
    private var waitingBytes = 0
    private var events = EventCounts()
    private var suspects: [rec_image] = []
    private var lastCount: UInt64 = 0
    /// Something has come since the kernel's counters were read.
    private var countIsStale = false
    private var kernel = KernelCounts()
    private var longestHeld: UInt64 = 0
    private var totalHeld: UInt64 = 0
    private var contradictions: UInt64 = 0
    private var isTestSensorOn = false
    /// While a policy asks for it.
    private var loads: LoadWatch?
    /// Of watches that are over.
    private var earlierLosses = LoadLosses()
    private var window = RecordWindow()
    /// Paths of the cgroups whose events are limited.
    private var throttled: [UInt64: String] = [:]
    /// Events whose stacks are with ``stacks``.
    private var naming = NamingQueue()
    private var lostAtLastSweep: UInt64 = 0
    private var lossNews = LossNews()
    private var lostAtLastWarning: UInt64 = 0
    private var loadsLostAtLastWarning: UInt64 = 0

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

    // MARK: From other threads

    /// Returns when registry and kernel hold the container and its init is armed.
    func register(_ registration: Registration) async throws(RegistrationError) -> Mailbox.Accepted {
        let outcome = await withCheckedContinuation { mailbox.send(.register(registration, $0)) }
        return try outcome.get()
    }

    /// A source of pods has something to tell.
    func tell(_ change: PodChange, from source: String) { mailbox.send(.pods(change, source: source)) }

    /// Runtimes have told of containers.
    func tell(found: [Container]) { mailbox.send(.found(found)) }

    /// Has the runtimes asked for containers of which nobody told.
    func askRuntimes() { sayNameless.yield() }

    /// Says so each time that a container has come of which nobody told.
    let nameless: AsyncStream<Void>
    private let sayNameless: AsyncStream<Void>.Continuation

    /// Every container that is known now.
    func containers() async -> [KnownContainer] {
        await withCheckedContinuation { mailbox.send(.containers($0)) }
    }

    /// What became of everything so far; nil of a writer that has ended.
    func ledger() async -> Ledger? { await withCheckedContinuation { mailbox.send(.ledger($0)) } }

    /// The host pids of the process table.
    func pids() async -> [UInt32] { await withCheckedContinuation { mailbox.send(.pids($0)) } }

    /// What the process table holds of the first of these pids.
    func page(of pids: ArraySlice<UInt32>) async -> TrackedPage {
        await withCheckedContinuation { mailbox.send(.page(of: pids, $0)) }
    }

    /// From the return on, execs with the sensor's marker make Test events, or do not.
    func setTestSensor(_ isOn: Bool) async {
        await withCheckedContinuation { mailbox.send(.testSensor(isOn: isOn, $0)) }
    }

    /// From the return on, records of these hooks' rows are understood. To be called before a row holds.
    func learn(_ hooks: [HookDescription]) async {
        // A first stack is not to wait for the kernel's symbols.
        if hooks.contains(where: \.wantsKernelStack) { await stacks.prepare() }
        await withCheckedContinuation { mailbox.send(.learn(hooks, $0)) }
    }

    /// To be called when the rows hold no more. What has come of them by then is told; what comes later is counted.
    func forget(_ rows: [UInt32]) async { await withCheckedContinuation { mailbox.send(.forget(rows, $0)) } }

    /// From the return on, files that are mapped to be run are told, or none.
    func watch(_ loads: LoadWatch?) async { await withCheckedContinuation { mailbox.send(.watchLoads(loads, $0)) } }

    /// The kernel stacks of a policy's hits; nil where it has none.
    func stackTree(ofPolicy name: String) -> StackTree.Node? { stacks.tree(of: name) }

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

    /// Marks found trees in the kernel. A child forked before its parent's mark has none; the ring tells of it, and it
    /// is marked in turn until nobody is left.
    private func seed(_ seeds: [ProcessTracker.TreeSeed]) throws {
        var seeds = seeds
        var marked: Set<UInt32> = []
        seeds += tracker.takeLateTrees()
        while !seeds.isEmpty {
            try sensors.seedTree(tgids: seeds.map(\.tgid), cgroups: seeds.map(\.cgroup))
            marked.formUnion(seeds.map(\.tgid))
            seeds = []
            while sensors.drain(
                limit: Self.batch,
                {
                    if let late = ProcessTracker.unmarkedChild($0, of: marked) { seeds.append(late) }
                    apply($0)
                }) > 0
            { publish() }
            seeds += tracker.takeLateTrees()
        }
    }

    /// Trees that began before anybody told of the container. Who has gone meanwhile needs no mark; who forks meanwhile
    /// is marked in turn, within bounds.
    private func markLateTrees() {
        var seeds = tracker.takeLateTrees()
        var marked: Set<UInt32> = []
        for _ in 0..<Self.roundsBeforeMail where !seeds.isEmpty {
            try? sensors.seedTree(tgids: seeds.map(\.tgid), cgroups: seeds.map(\.cgroup))
            marked.formUnion(seeds.map(\.tgid))
            seeds = []
            _ = drain { if let late = ProcessTracker.unmarkedChild($0, of: marked) { seeds.append(late) } }
            seeds += tracker.takeLateTrees()
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

    private func run() {
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
    private func drain(_ look: (UnsafeRawBufferPointer) -> Void = { _ in }) -> Int {
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

    private func apply(_ record: UnsafeRawBufferPointer) {
        tracker.apply(record) { wait($0) }
        if waitingBytes > Self.mostWaitingBytes { publish() }
    }

    /// Until the end of the round; with a stack, until its places have names.
    private func wait(_ event: ProcessEvent) {
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

    private func add(_ event: ProcessEvent, hasNames: Bool) {
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
    private func letGo(_ event: ProcessEvent) {
        let held = WallClock.bootNanoseconds &- event.bootTime
        longestHeld = max(longestHeld, held)
        totalHeld &+= held
        wait(event)
    }

    /// Returns whether there was anything.
    @discardableResult private func publish() -> Bool {
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

    private var recordsLost: UInt64 { tracker.ledger.lost(counted: kernel.noRoomByCPU) }

    private func isCountDue(at now: UInt64) -> Bool { now &- lastCount > 1_000_000_000 }

    private func readCounters() {
        lastCount = WallClock.bootNanoseconds
        countIsStale = false
        kernel = KernelCounts(sensors.statistics(), missed: sensors.missed())
    }

    private func tellLoss() {
        let loss = lossNews.since(
            numbered: tracker.ledger.lostByCPU, counted: kernel.noRoomByCPU, malformed: tracker.ledger.malformed,
            missed: kernel.missed, loads: loadLosses.noRoom + loadLosses.crowded)
        if let loss { hub.publish(loss) }
    }

    /// Everything that has come so far is read and handed to the subscribers first.
    private func balance() -> Ledger {
        catchUp()
        publish()
        readCounters()
        takeStock()
        return accounts()
    }

    private func accounts() -> Ledger {
        Ledger(kernel, tracker, events, naming: naming.count, accounts: hub.accounts)
    }

    /// As it was when the thread had ended, but for what subscribers have read since.
    var lastLedger: Ledger {
        var ledger = last.withLock { $0 }
        ledger.accounts = hub.accounts
        return ledger
    }

    /// What is due now and then, in a storm too.
    private func takeStock() {
        tracker.refreshClock()
        if isCountDue(at: WallClock.bootNanoseconds) { readCounters() }
        let lost = recordsLost
        if lost != lostAtLastWarning {
            log.warning(
                "records lost: the ring was full",
                metadata: ["lost": "\(lost - lostAtLastWarning)", "lost_total": "\(lost)"])
            lostAtLastWarning = lost
        }
        let loadsLost = loadLosses.noRoom + loadLosses.crowded
        if loadsLost != loadsLostAtLastWarning {
            log.warning(
                "mapped files lost: their rings were full",
                metadata: ["lost": "\(loadsLost - loadsLostAtLastWarning)", "lost_total": "\(loadsLost)"])
            loadsLostAtLastWarning = loadsLost
        }
        tellLoss()
        let gone = tracker.registry.takeGone()
        if !gone.isEmpty { containersGone(gone) }
        renewReport()
    }

    private func renewReport() {
        let now = WallClock.bootNanoseconds
        window.note(
            RecordCounts(
                received: tracker.ledger.received, lost: recordsLost, malformed: tracker.ledger.malformed), at: now)
        let report = Report(
            recordsReceived: tracker.ledger.received, recordsLost: recordsLost,
            recordsMalformed: tracker.ledger.malformed, recordsLate: sensors.lateRecords, missed: kernel.missed,
            storageFailures: kernel.storageFailures, environmentsCut: tracker.counters.cutEnvironments,
            held: tracker.counters.held, unnamed: tracker.counters.unnamed,
            longestHeld: .nanoseconds(longestHeld), totalHeld: .nanoseconds(totalHeld),
            processes: tracker.processCount - 1,
            containers: tracker.registry.containers.count, contradictions: contradictions, events: events,
            programs: sensors.attachedPrograms, loadLosses: loadLosses, window: window)
        published.withLock { $0 = report }
    }

    private func takeMail() -> Bool {
        var running = true
        for message in mailbox.take() {
            switch message {
            case .register(let registration, let continuation):
                catchUp()
                do throws(RegistrationError) {
                    try enter(registration)
                    // Policies hold in it before it goes on.
                    tellScopes()
                    continuation.resume(
                        returning: .success(.init(initExecs: tracker.execs(of: registration.initProcess))))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
                renewReport()
            case .pods(let change, let source): tracker.registry.apply(change, from: source)
            case .found(let found):
                catchUp()
                learn(found)
                markLateTrees()
            case .containers(let continuation): continuation.resume(returning: tracker.registry.known)
            case .ledger(let continuation): continuation.resume(returning: balance())
            case .pids(let continuation): continuation.resume(returning: tracker.pids)
            case .page(let pids, let continuation): continuation.resume(returning: tracker.page(of: pids))
            case .testSensor(let isOn, let continuation):
                isTestSensorOn = isOn
                continuation.resume()
            case .learn(let hooks, let continuation):
                for hook in hooks { tracker.learn(hook: hook) }
                continuation.resume()
            case .forget(let rows, let continuation):
                catchUp()
                for row in rows { tracker.forget(row: row) { wait($0) } }
                stacks.keepTrees(of: tracker.policies)
                continuation.resume()
            case .watchLoads(let watch, let continuation):
                change(to: watch)
                continuation.resume()
            case .named(let named):
                if let event = naming.take(named) { add(event, hasNames: true) }
            case .stop:
                running = false
            }
        }
        return running
    }

    private func change(to watch: LoadWatch?) {
        if let loads, watch?.files !== loads.files {
            catchUp()
            tracker.releaseAllLoads { wait($0) }
            earlierLosses.noRoom += loads.files.lost
            earlierLosses.malformed += loads.files.malformed
        }
        loads = watch
    }

    private var loadLosses: LoadLosses {
        var losses = earlierLosses
        losses.noRoom += loads?.files.lost ?? 0
        losses.malformed += loads?.files.malformed ?? 0
        losses.crowded = tracker.counters.crowdedLoads
        losses.unknownProcess = tracker.counters.unknownLoads
        return losses
    }

    /// What happened before a hook's call is applied before it: that its directory was made, and by whom, and what other
    /// hooks did there. Bounded, so that no hook waits behind a storm.
    private func catchUp() {
        for _ in 0..<Self.roundsBeforeMail {
            if drain() < Self.batch { return }
        }
    }

    /// A container from before. Of one that is both stored and spooled the store knows more, and comes first.
    private func remember(_ container: Container) {
        if tracker.registry.containers[container.cgroup]?.isToldByHook == true { return }
        // It was there when it was read; what goes from now on says so.
        guard isPresent(container) else { return }
        do throws(RegistrationError) {
            try tracker.registry.register(container, namespaces: container.namespaces)
            log.info(
                "container known from before",
                metadata: [
                    "id": "\(container.identity.id.text)", "source": "\(container.source.rawValue)",
                    "cgroup": "\(container.cgroupPath)", "init": "\(container.initProcess ?? 0)",
                ])
        } catch {
            log.warning(
                "container from before refused",
                metadata: [
                    "id": "\(container.identity.id.text)", "source": "\(container.source.rawValue)",
                    "error": "\(error)",
                ])
        }
    }

    private func learn(_ found: [Container]) {
        for container in found where isPresent(container) {
            switch tracker.registry.learn(container) {
            case .none: break
            case .new: tracker.registered(container.cgroup) { letGo($0) }
            case .contradiction(let told):
                contradictions += 1
                let identity = container.identity
                log.warning(
                    "a container's annotations say something else than its runtime",
                    metadata: [
                        "id": "\(told.id.text)",
                        "annotations": "\(told.podNamespace)/\(told.podName)/\(told.name)",
                        "runtime": "\(identity.podNamespace)/\(identity.podName)/\(identity.name)",
                    ])
            }
        }
    }

    /// What policies ask about containers is theirs to know.
    private func tellScopes() {
        for cgroup in tracker.registry.takeChanged() {
            guard let container = tracker.registry.containers[cgroup] else {
                scopes.remove(cgroup)
                sensors.forgetContainer(of: cgroup)
                continue
            }
            var problems = scopes.set(cgroup, ScopedContainer(container))
            for directory in tracker.registry.directories(of: container) {
                do { try sensors.setContainer(cgroup, of: directory) } catch { problems.append("\(error)") }
            }
            for problem in problems {
                log.error(
                    "a policy does not hold in a container",
                    metadata: ["id": "\(container.identity.id.text)", "error": "\(problem)"])
            }
        }
    }

    private func isPresent(_ container: Container) -> Bool {
        hierarchy.id(ofPath: container.cgroupPath) == container.cgroup
    }

    /// All or nothing: what cannot be armed is not registered.
    private func enter(_ registration: Registration) throws(RegistrationError) {
        try tracker.registry.admit(registration)
        let before = tracker.registry.containers[registration.cgroup]
        try tracker.registry.register(Container(registration), namespaces: registration.namespaces)
        Failpoint.containerEntered.reach()
        do {
            try sensors.arm(tgid: registration.initProcess, cgroup: registration.initCgroup)
            Failpoint.initArmed.reach()
            // It was the init's pid and directory when they were looked up, and they still are, or nothing must stay.
            guard registration.holds(in: procfs, hierarchy) else {
                throw RegistrationError(
                    .unavailable,
                    "init \(registration.initProcess) of container \(registration.identity.id.text) has left its cgroup"
                )
            }
            // Who gave up waiting before the init was armed let it go on: its program may run already.
            guard registration.isAwaited() else {
                throw RegistrationError(
                    .unavailable, "the hook of container \(registration.identity.id.text) did not wait for the answer")
            }
        } catch {
            // What an earlier hook of the same container had armed stays so.
            if before?.isToldByHook != true { sensors.disarm(tgid: registration.initProcess) }
            tracker.registry.forget(registration.cgroup)
            if let before { try? tracker.registry.register(before, namespaces: before.namespaces) }
            throw error as? RegistrationError
                ?? RegistrationError(.failed, "cannot arm init \(registration.initProcess): \(error)")
        }
        tracker.registered(registration.cgroup) { letGo($0) }
    }
}

struct StartError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
