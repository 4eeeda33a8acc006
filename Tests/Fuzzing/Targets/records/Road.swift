// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Containers
internal import Models
internal import Policies
internal import Processes
internal import RE2
internal import Sensors

/// A tracker, and what must have become of all that it was given.
struct Road {
    private var tracker: ProcessTracker
    /// Processes that were there before: told of before the first record is.
    private var tasks: [[UInt8]]? = []
    /// Of those, the ones that were none.
    private var malformedTasks: UInt64 = 0
    private var records: UInt64 = 0
    private var told = Told()
    /// Beginnings of throttling less ends.
    private var throttledCgroups = 0
    private var rows: Set<UInt32> = []
    /// Files that were mapped to be run.
    private var mapped: UInt64 = 0

    init() {
        tracker = ProcessTracker(
            node: "n", registry: ContainerRegistry(host: NamespaceKey(mount: 10, pid: 11)),
            runtimeNames: ["runc", "conmon"], limits: BarrierLimits(bytesEach: 16 << 10, bytes: 64 << 10),
            details: DetailSettings(credentials: true, namespaces: true, environment: true),
            redaction: (try? RegularExpression("pass[a-z]*=(.)")).map { secret in
                Redaction([.init(binaries: [], secrets: [secret])])
            })
        for hook in Hooks.all { learn(hook) }
    }

    mutating func take(_ what: What, _ content: UnsafeRawBufferPointer) {
        if what == .task {
            tasks?.append(Array(content))
            return
        }
        adopt()
        switch what {
        case .record: apply(Array(content))
        case .hit: apply(Hooks.hit(content))
        case .more: apply(Hooks.more(content))
        case .row: change(row: UInt32(number(content) % UInt64(Hooks.rows)))
        case .quiet: tracker.ringIsEmpty { told.see($0) }
        case .time:
            let now = number(content)
            tracker.releaseOverdue(at: now) { told.see($0) }
            tracker.releaseOverdueCalls(at: now) { told.see($0) }
            tracker.releaseLoads(readTo: now, at: now) { told.see($0) }
            takeThrottles(at: now)
        case .mapping: map(content)
        case .container: register(number(content))
        case .word: tracker.registered(number(content)) { told.see($0) }
        case .task: break
        case .sweep:
            let bit = number(content) % 32
            tracker.remove(tracker.processes { $0 >> UInt32(bit) & 1 == 1 })
        case .page: page()
        }
        _ = tracker.takeLateTrees()
        _ = tracker.takeAgentActions()
    }

    private mutating func apply(_ content: [UInt8]) {
        records += 1
        var record = content
        // Eight CPUs: what is kept for each of 65,536 would take all of the time. And few rows, or most are unknown.
        if record.count >= 8 { (record[6], record[7]) = (record[6] & 7, 0) }
        if record.count >= MemoryLayout<rec_policy>.size, record[4] == UInt8(REC_POLICY.rawValue), record[5] == 0 {
            Hooks.limitRow(&record)
        }
        record.withUnsafeBytes { bytes in tracker.apply(bytes) { told.see($0) } }
    }

    private mutating func learn(_ hook: HookDescription) {
        tracker.learn(hook: hook)
        rows.insert(hook.row)
    }

    private mutating func change(row: UInt32) {
        if rows.remove(row) != nil {
            tracker.forget(row: row) { told.see($0) }
        } else if let hook = Hooks.all.first(where: { $0.row == row }) {
            learn(hook)
        }
    }

    private mutating func takeThrottles(at now: UInt64) {
        for change in tracker.throttles.take(at: now) { throttledCgroups += change.isStart ? 1 : -1 }
        precondition(throttledCgroups >= 0)
    }

    /// Nothing is lost without being counted, and nothing is told twice.
    mutating func end() {
        adopt()
        tracker.ringIsEmpty { told.see($0) }
        tracker.releaseAllCalls { told.see($0) }
        tracker.releaseAllLoads { told.see($0) }
        tracker.releaseAll { told.see($0) }
        page()
        takeThrottles(at: .max)
        let (counters, ledger) = (tracker.counters, tracker.ledger)
        precondition(tracker.pendingExecs == 0 && tracker.heldEvents == 0 && tracker.pendingCalls == 0)
        precondition(ledger.received + ledger.malformedUnnumbered == records + malformedTasks)
        let exits = counters.exits + counters.unknownExits
        precondition(told.execs + told.exits + counters.throttled == counters.execs + counters.found + exits)
        precondition(told.execs <= counters.execs + counters.found && told.exits <= exits)
        precondition(counters.unknownLoads + counters.crowdedLoads <= mapped)
        precondition(
            told.hits + counters.joined + counters.unwanted + counters.unknownPolicies == counters.policies)
        let processes = counters.execs + counters.forks + exits + counters.repeatedExits + counters.arguments
        precondition(
            processes + counters.cgroups + counters.policies + counters.policyData + ledger.malformed
                == records + malformedTasks)
        _ = (ledger.lost, ledger.lostByCPU, ledger.lost(counted: [1, 2]))
    }

    private mutating func adopt() {
        guard let tasks else { return }
        self.tasks = nil
        _ = tracker.adopt(tasks: tasks, early: [], procfs: Procfs(root: "/nonexistent"), cgroupPaths: [:]) {
            told.see($0)
        }
        malformedTasks = tracker.ledger.malformed
    }

    private mutating func map(_ content: UnsafeRawBufferPointer) {
        guard let record = try? MappingRecord(content) else { return }
        if case .mapped(let file) = record {
            mapped += 1
            precondition(file.path.utf8.first == 0x2f && file.buildID.count <= 20)
        }
        tracker.mapped([record], end: number(content))
    }

    private mutating func register(_ cgroup: UInt64) {
        let id = String(repeating: "a", count: 48) + String(cgroup | 1 << 63, radix: 16)
        guard let identity = try? ContainerIdentity(id: id, name: "web", podName: "p", podNamespace: "ns") else {
            return
        }
        let container = Container(identity: identity, source: cgroup % 3 == 0 ? .runtime : .hook, cgroup: cgroup)
        guard (try? tracker.registry.register(container, namespaces: nil)) != nil else { return }
        tracker.registered(cgroup) { told.see($0) }
    }

    private mutating func page() {
        let pids = tracker.pids
        precondition(pids.isEmpty || tracker.page(of: pids[...]).covered > 0)
    }
}

/// What has become of it.
private struct Told {
    private(set) var (execs, exits, hits) = (UInt64(0), UInt64(0), UInt64(0))

    mutating func see(_ event: ProcessEvent) {
        switch event.kind {
        case .exec: execs += 1
        case .exit: exits += 1
        case .policy(let hit):
            hits += 1
            Self.encode(hit)
        case .test, .loader: preconditionFailure("the records have none")
        }
        let thread = event.process.tid ^ 1
        precondition(!event.process.protobuf(tid: thread).isEmpty && !event.process.json(tid: thread).isEmpty)
        var message = ProtobufWriter()
        var json = JSONWriter()
        event.process.appendExecOnly(to: &message)
        event.process.appendExecOnly(to: &json)
        let text = json.finish()
        precondition(message.bytes.isEmpty == text.isEmpty)
        for process in [event.process, event.parent].compactMap({ $0 }) {
            precondition(!process.protobuf.isEmpty && !process.json.isEmpty)
            precondition(!process.asAncestor.json.isEmpty)
        }
    }

    private static func encode(_ hit: PolicyHit) {
        var message = ProtobufWriter()
        var json = JSONWriter()
        hit.append(to: &message, exposesAddresses: true)
        hit.append(to: &json, exposesAddresses: true)
        // What it counts as keeping bounds what waits: 32 KiB for the names of six times all capabilities.
        precondition(message.bytes.count <= 4 * hit.size + 32768)
        let text = json.finish()
        precondition(text.count <= 8 * hit.size + 32768)
        precondition(!hit.subject.isEmpty && hit.hasStack == (hit.kernelStack.count + hit.userStack.count > 0))
    }
}

/// The first eight bytes; missing ones are 0.
private func number(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    bytes.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
}
