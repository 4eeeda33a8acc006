// SPDX-License-Identifier: Apache-2.0
internal import Containers
internal import Models
internal import Processes
internal import Sensors

/// A tracker, and what must have become of all that it was given.
struct Road {
    private var tracker: ProcessTracker
    /// Processes that were there before: told of before the first record is.
    private var tasks: [[UInt8]]? = []
    /// Of those, the ones that were none.
    private var malformedTasks: UInt64 = 0
    private var (records, policies) = (UInt64(0), UInt64(0))
    private var (execs, exits) = (UInt64(0), UInt64(0))

    init() {
        tracker = ProcessTracker(
            node: "n", registry: ContainerRegistry(host: NamespaceKey(mount: 10, pid: 11)),
            runtimeNames: ["runc", "conmon"], limits: BarrierLimits(bytesEach: 16 << 10, bytes: 64 << 10),
            details: DetailSettings(credentials: true, namespaces: true, environment: true))
    }

    mutating func take(_ what: What, _ content: UnsafeRawBufferPointer) {
        if what == .task {
            tasks?.append(Array(content))
            return
        }
        adopt()
        switch what {
        case .record:
            records += 1
            // Eight CPUs: what is kept for each of 65,536 would take all of the time.
            var record = Array(content)
            if record.count >= 8 { (record[6], record[7]) = (record[6] & 7, 0) }
            record.withUnsafeBytes { bytes in
                if case .policy? = try? Record(bytes) { policies += 1 }
                tracker.apply(bytes) { Self.see($0, &execs, &exits) }
            }
        case .quiet: tracker.ringIsEmpty { Self.see($0, &execs, &exits) }
        case .time: tracker.releaseOverdue(at: number(content)) { Self.see($0, &execs, &exits) }
        case .container: register(number(content))
        case .word: tracker.registered(number(content)) { Self.see($0, &execs, &exits) }
        case .task: break
        case .sweep:
            let bit = number(content) % 32
            tracker.remove(tracker.processes { $0 >> UInt32(bit) & 1 == 1 })
        case .page: page()
        }
        _ = tracker.takeLateTrees()
    }

    /// Nothing is lost without being counted, and nothing is told twice.
    mutating func end() {
        adopt()
        tracker.ringIsEmpty { Self.see($0, &execs, &exits) }
        tracker.releaseAll { Self.see($0, &execs, &exits) }
        page()
        let (counters, ledger) = (tracker.counters, tracker.ledger)
        precondition(tracker.pendingExecs == 0 && tracker.heldEvents == 0)
        precondition(ledger.received + ledger.malformedUnnumbered == records + malformedTasks)
        let told = counters.exits + counters.unknownExits
        precondition(execs == counters.execs + counters.found && exits == told)
        precondition(
            counters.execs + counters.forks + told + counters.repeatedExits + counters.arguments + counters.cgroups
                + ledger.malformed + policies == records + malformedTasks)
        _ = (ledger.lost, ledger.lostByCPU, ledger.lost(counted: [1, 2]))
    }

    private mutating func adopt() {
        guard let tasks else { return }
        self.tasks = nil
        _ = tracker.adopt(tasks: tasks, early: [], procfs: Procfs(root: "/nonexistent"), cgroupPaths: [:]) {
            Self.see($0, &execs, &exits)
        }
        malformedTasks = tracker.ledger.malformed
    }

    private mutating func register(_ cgroup: UInt64) {
        let id = String(repeating: "a", count: 48) + String(cgroup | 1 << 63, radix: 16)
        guard let identity = try? ContainerIdentity(id: id, name: "web", podName: "p", podNamespace: "ns") else {
            return
        }
        let container = Container(identity: identity, source: cgroup % 3 == 0 ? .runtime : .hook, cgroup: cgroup)
        guard (try? tracker.registry.register(container, namespaces: nil)) != nil else { return }
        tracker.registered(cgroup) { Self.see($0, &execs, &exits) }
    }

    private mutating func page() {
        let pids = tracker.pids
        precondition(pids.isEmpty || tracker.page(of: pids[...]).covered > 0)
    }

    private static func see(_ event: ProcessEvent, _ execs: inout UInt64, _ exits: inout UInt64) {
        switch event.kind {
        case .exec: execs += 1
        case .exit: exits += 1
        default: break
        }
        for process in [event.process, event.parent].compactMap({ $0 }) {
            precondition(!process.protobuf.isEmpty && !process.json.isEmpty)
            precondition(!process.asAncestor.json.isEmpty)
        }
    }
}

/// The first eight bytes; missing ones are 0.
private func number(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    bytes.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
}
