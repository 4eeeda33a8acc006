// SPDX-License-Identifier: Apache-2.0
import CLinux
import Containers
import Events
import Glibc
import Logging
import Models
import Processes
import Sensors
import Synchronization

/// The one thread that drains the ring and owns the process table and the registry.
///
/// Everybody else sends it messages, which it takes between batches: a hook never waits behind a storm.
final class Writer: @unchecked Sendable {
    /// What the writer knows, for those who ask; renewed as it works.
    struct Report: Sendable {
        var counters = ProcessTracker.Counters()
        var recordsReceived: UInt64 = 0
        var recordsLost: UInt64 = 0
        var recordsMalformed: UInt64 = 0
        /// Records found only when the reader's longest sleep ended: a wake-up was lost.
        var recordsLate: UInt64 = 0
        var processes = 0
        var containers = 0
    }

    private enum Message {
        case register(Registration, CheckedContinuation<Result<Void, RegistrationError>, Never>)
        case stop
    }

    /// Records between two looks at the messages.
    private static let batch = 256
    /// In a storm that never lets the ring run dry.
    private static let roundsBetweenReports = 128
    /// A table that outgrows this is swept of processes whose exit was lost.
    private var sweepAt: Int

    private let hub: EventHub
    private let encoder: EventEncoder
    private let procfs: Procfs
    private let hierarchy: CgroupHierarchy
    private let log: Logger
    private let inbox = Mutex<[Message]>([])
    private let hasMail = Atomic(false)
    private let wakeDescriptor: Int32
    private let published = Mutex(Report())
    private let ended = Mutex<CheckedContinuation<Void, Never>?>(nil)

    // The thread's own from start() on.
    private let sensors: BaseSensors
    private var tracker: ProcessTracker
    private var waiting: [ProcessEvent] = []
    private var lostAtLastSweep: UInt64 = 0
    private var lostAtLastWarning: UInt64 = 0

    init(
        sensors: BaseSensors, tracker: ProcessTracker, hub: EventHub, encoder: EventEncoder, procfs: Procfs,
        hierarchy: CgroupHierarchy, sweepAt: Int, log: Logger
    ) {
        self.sensors = sensors
        self.tracker = tracker
        self.hub = hub
        self.encoder = encoder
        self.procfs = procfs
        self.hierarchy = hierarchy
        self.sweepAt = sweepAt
        self.log = log
        wakeDescriptor = apus_eventfd()
    }

    deinit { close(wakeDescriptor) }

    var report: Report { published.withLock { $0 } }

    // MARK: From other threads

    /// Returns when registry and kernel hold the container and its init is armed.
    func register(_ registration: Registration) async throws(RegistrationError) {
        let outcome = await withCheckedContinuation { send(.register(registration, $0)) }
        try outcome.get()
    }

    /// Attaches the sensors, learns what is there, and goes on in a thread of its own. Returns when existing
    /// processes are known.
    func start() throws {
        try sensors.attach()
        let paths = tracker.registry.discover(hierarchy)
        var tasks: [[UInt8]] = []
        try sensors.forEachTask { tasks.append(Array($0)) }
        var early: [[UInt8]] = []
        while sensors.drain(limit: Self.batch, { early.append(Array($0)) }) > 0 {}
        var seeds = tracker.adopt(tasks: tasks, early: early, procfs: procfs, cgroupPaths: paths) { waiting.append($0) }
        publish()
        var marked = Dictionary(seeds.map { ($0.tgid, $0.cgroup) }, uniquingKeysWith: { first, _ in first })
        for record in early {
            record.withUnsafeBytes {
                if let late = ProcessTracker.unmarkedChild($0, of: marked) {
                    seeds.append(late)
                    marked[late.tgid] = late.cgroup
                }
                apply($0)
            }
        }
        try seed(seeds)
        publish()
        renewReport()

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
        var marked: [UInt32: UInt64] = [:]
        while !seeds.isEmpty {
            try sensors.seedTree(tgids: seeds.map(\.tgid), cgroups: seeds.map(\.cgroup))
            for seed in seeds { marked[seed.tgid] = seed.cgroup }
            seeds = []
            while sensors.drain(
                limit: Self.batch,
                {
                    if let late = ProcessTracker.unmarkedChild($0, of: marked) { seeds.append(late) }
                    apply($0)
                }) > 0
            {}
        }
    }

    /// Ends the thread; what the ring holds by then is still published.
    func stop() async {
        await withCheckedContinuation { continuation in
            ended.withLock { $0 = continuation }
            send(.stop)
        }
    }

    private func send(_ message: Message) {
        inbox.withLock { $0.append(message) }
        hasMail.store(true, ordering: .releasing)
        var one: UInt64 = 1
        _ = write(wakeDescriptor, &one, 8)
    }

    // MARK: The thread

    private func run() {
        var quietRounds = 0
        var busyRounds = 0
        var running = true
        while running {
            if hasMail.exchange(false, ordering: .acquiring) { running = takeMail() }
            let delivered = sensors.drain(limit: Self.batch) { apply($0) }
            quietRounds = delivered == 0 ? quietRounds + 1 : 0
            busyRounds = delivered > 0 ? busyRounds + 1 : 0
            if quietRounds == 2 { quiet() }
            if busyRounds % Self.roundsBetweenReports == 1 { takeStock() }
            publish()
            if delivered < Self.batch, running {
                sensors.pause(afterDelivering: delivered, wakeDescriptor: wakeDescriptor)
            }
        }
        while sensors.drain(limit: Self.batch, { apply($0) }) > 0 { publish() }
        quiet()
        publish()
        sensors.detach()
        ended.withLock { $0 }?.resume()
    }

    private func apply(_ record: UnsafeRawBufferPointer) {
        tracker.apply(record) { waiting.append($0) }
    }

    private func publish() {
        guard !waiting.isEmpty else { return }
        hub.publish { formats in waiting.map { encoder.encode($0, formats: formats) } }
        waiting.removeAll(keepingCapacity: true)
    }

    /// The ring has run dry: who still waits for arguments has lost them, and there is time to look after processes
    /// whose exit was lost.
    private func quiet() {
        tracker.ringIsEmpty { waiting.append($0) }
        takeStock()
        let lost = tracker.ledger.lost
        guard lost != lostAtLastSweep || tracker.processCount > sweepAt else { return }
        lostAtLastSweep = lost
        tracker.sweep { procfs.parent(of: $0) != nil }
        sweepAt = max(sweepAt, 2 * tracker.processCount)
    }

    /// What is due now and then, in a storm too.
    private func takeStock() {
        tracker.refreshClock()
        let lost = tracker.ledger.lost
        if lost != lostAtLastWarning {
            log.warning(
                "records lost: the ring was full",
                metadata: ["lost": "\(lost - lostAtLastWarning)", "lost_total": "\(lost)"])
            lostAtLastWarning = lost
        }
        renewReport()
    }

    private func renewReport() {
        let report = Report(
            counters: tracker.counters, recordsReceived: tracker.ledger.received, recordsLost: tracker.ledger.lost,
            recordsMalformed: tracker.ledger.malformed, recordsLate: sensors.lateRecords,
            processes: tracker.processCount - 1, containers: tracker.registry.containers.count)
        published.withLock { $0 = report }
    }

    private func takeMail() -> Bool {
        var count: UInt64 = 0
        _ = read(wakeDescriptor, &count, 8)
        let mail = inbox.withLock { inbox in
            defer { inbox = [] }
            return inbox
        }
        var running = true
        for message in mail {
            switch message {
            case .register(let registration, let continuation):
                do throws(RegistrationError) {
                    try enter(registration)
                    continuation.resume(returning: .success(()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
                renewReport()
            case .stop:
                running = false
            }
        }
        return running
    }

    private func enter(_ registration: Registration) throws(RegistrationError) {
        let container = Container(identity: registration.identity, source: .hook, cgroup: registration.cgroup)
        try tracker.registry.register(container, namespaces: registration.namespaces)
        do {
            try sensors.arm(tgid: registration.initProcess, cgroup: registration.cgroup)
        } catch {
            throw RegistrationError(.failed, "cannot arm init \(registration.initProcess): \(error)")
        }
        // The pid was the init's when it was looked up; it is still, or nothing must stay armed.
        guard procfs.cgroupPath(of: registration.initProcess, in: hierarchy)?.hasPrefix(registration.cgroupPath) == true
        else {
            sensors.disarm(tgid: registration.initProcess)
            throw RegistrationError(
                .unavailable,
                "init \(registration.initProcess) of container \(registration.identity.id.text) has left its cgroup")
        }
    }
}

struct StartError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
