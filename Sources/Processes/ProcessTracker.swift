// SPDX-License-Identifier: Apache-2.0
package import CRecords
package import Containers
package import Policies
internal import Sensors

/// Follows every process of the machine: turns the kernel's records into events that say who did it.
///
/// Owned by the writer thread, like the registry in it. Records of one process arrive in order; what two CPUs send at
/// the same time may arrive either way round.
package struct ProcessTracker {
    package var registry: ContainerRegistry
    package internal(set) var ledger = LossLedger()
    package internal(set) var counters = Counters()

    var table: [UInt32: ProcessEntry] = [:]
    var pending: [UInt16: PendingArguments] = [:]
    var barrier: Barrier
    /// Programs that make containers, by the last part of their path.
    let runtimeNames: RuntimeNames
    var recentExits = RecentExits()
    /// Inits, by pid, whose next exec begins a container's tree although the kernel may not know yet: an earlier agent had
    /// armed them, or a runtime has told of them; and the trees that began before the kernel knew.
    var awaitedInits: [UInt32: AwaitedInit] = [:]
    var lateTrees: [TreeSeed] = []
    var clock = WallClock()
    let execID: ExecIDMaker
    let detailSettings: DetailSettings
    /// What nobody may see of command lines and environments.
    let redaction: Redaction?
    /// The host's accounts, where their names are wanted.
    var userNames: UserNames?
    /// What records of policies mean, by row.
    var hooks: [UInt32: HookDescription] = [:]
    var calls = PolicyCalls()
    var partialHits = PartialHits()
    var loads = PendingLoads()
    var recentLoads = RecentLoads()
    package var throttles = Throttles()
    var agentActions: [AgentAction] = []
    private var flagTexts: [ProcessFlags: String] = [:]

    package struct Counters: Sendable {
        package var execs: UInt64 = 0
        package var forks: UInt64 = 0
        /// Records of further arguments, and of directories.
        package var arguments: UInt64 = 0
        package var cgroups: UInt64 = 0
        /// Processes that were there before the agent, each with an exec event.
        package var found: UInt64 = 0
        package var exits: UInt64 = 0
        /// Exits that more than one thread reported.
        package var repeatedExits: UInt64 = 0
        /// Exits of processes that the agent never saw: their fork and exec were lost, or came before it.
        package var unknownExits: UInt64 = 0
        /// Execs and forks whose parent is not in the table.
        package var unknownParents: UInt64 = 0
        /// Execs that left with part of their arguments because a continuation was lost.
        package var lostArguments: UInt64 = 0
        /// Processes whose environment is not or not wholly told.
        package var cutEnvironments: UInt64 = 0
        /// Processes taken out of the table because they were gone and their exit was lost.
        package var swept: UInt64 = 0
        /// Events that waited until it was known whose container they are of,
        package var held: UInt64 = 0
        /// and those that left without.
        package var unnamed: UInt64 = 0
        /// Records of policies.
        package var policies: UInt64 = 0
        /// Records of more of their values.
        package var policyData: UInt64 = 0
        /// Returns that are told by the event of their call,
        package var joined: UInt64 = 0
        /// records of calls that the policy does not want after all,
        package var unwanted: UInt64 = 0
        /// and those of policies that had been deleted.
        package var unknownPolicies: UInt64 = 0
        /// Execs and exits without an event, because their cgroup had too many.
        package var throttled: UInt64 = 0
        /// Calls told without what they returned.
        package var unreturned: UInt64 = 0
        /// Hits by processes that are not in the table.
        package var unknownActors: UInt64 = 0
        /// Mapped files without an event: of processes that are not in the table,
        package var unknownLoads: UInt64 = 0
        /// and of processes of which too many waited.
        package var crowdedLoads: UInt64 = 0

        package init() {}
    }

    /// - Parameters:
    ///   - node: the node's name, part of every exec_id.
    ///   - runtimeNames: programs whose cgroups are containers-to-be: a hint that makes events wait, no more.
    ///   - redaction: of every command line and environment, before any event has it.
    ///   - userNames: the host's accounts; nil where nobody wants their names.
    package init(
        node: String, registry: ContainerRegistry, runtimeNames: Set<String> = [], limits: BarrierLimits = .init(),
        details: DetailSettings = .init(), redaction: Redaction? = nil, userNames: UserNames? = nil
    ) {
        detailSettings = details
        self.registry = registry
        self.runtimeNames = RuntimeNames(runtimeNames)
        barrier = Barrier(limits)
        execID = ExecIDMaker(node: node)
        self.redaction = redaction
        self.userNames = userNames
        table[0] = ProcessEntry(key: rec_image(), parent: nil, content: .image(kernelImage()))
    }

    package var processCount: Int { table.count }

    /// Execs whose arguments have not all come.
    package var pendingExecs: Int { pending.count }
    /// Events that wait until it is known whose container they are of.
    package var heldEvents: Int { barrier.eventCount }

    /// Takes one record from the ring. `emit` is called for each event that is ready, in order.
    package mutating func apply(_ record: UnsafeRawBufferPointer, emit: (ProcessEvent) -> Void) {
        guard record.count >= MemoryLayout<rec_head>.size else {
            ledger.malformed += 1
            ledger.malformedUnnumbered += 1
            return
        }
        let head = record.loadUnaligned(as: rec_head.self)
        ledger.arrived(head)
        if !pending.isEmpty, !Self.mayInterruptArguments(head.type) { finishPending(cpu: head.cpu, emit: emit) }
        guard let decoded = try? Record(record) else {
            ledger.malformed += 1
            return
        }
        switch decoded {
        case .exec(let view): exec(view, record: record, emit: emit)
        case .arguments(let view):
            counters.arguments += 1
            continuation(view, emit: emit)
        case .fork(let fixed): fork(fixed)
        case .exit(let fixed): exit(fixed, emit: emit)
        case .cgroup(let view):
            counters.cgroups += 1
            cgroup(view, emit: emit)
        case .task: ledger.malformed += 1  // The iterator's, never the ring's.
        case .policy(let view): policy(view, record: record, emit: emit)
        case .policyData(let view): policyData(view, emit: emit)
        }
    }

    /// Programs of policies may run in the midst of an exec's.
    private static func mayInterruptArguments(_ type: UInt16) -> Bool {
        [REC_ARGS, REC_POLICY, REC_POLICY_DATA].contains(rec_type(UInt32(type)))
    }

    /// The ring is empty: whoever still waits for arguments has lost them.
    package mutating func ringIsEmpty(emit: (ProcessEvent) -> Void) {
        for cpu in pending.keys { finishPending(cpu: cpu, emit: emit) }
        finishHits(emit: emit)
    }

    /// Follows the wall clock, which may have been set.
    package mutating func refreshClock() { clock.refresh(now: WallClock.bootNanoseconds) }

    /// The images of the table whose process answers to `test`.
    package func processes(where test: (UInt32) -> Bool) -> [rec_image] {
        table.filter { $0.key != 0 && test($0.key) }.map(\.value.key)
    }

    /// Takes out processes that are gone although no exit arrived.
    package mutating func remove(_ gone: [rec_image]) {
        for image in gone {
            guard let entry = table[image.tgid], entry.key == image else { continue }
            table[image.tgid] = nil
            awaitedInits[image.tgid] = nil
            retire(entry)
            counters.swept += 1
        }
    }

    /// Trees that began before the kernel was told to look out for them.
    package mutating func takeLateTrees() -> [TreeSeed] {
        defer { lateTrees = [] }
        return lateTrees
    }

    /// What policies ask of the agent itself since it was last asked.
    package mutating func takeAgentActions() -> [AgentAction] {
        defer { agentActions = [] }
        return agentActions
    }

    package var hasLateTrees: Bool { !lateTrees.isEmpty }

    struct AwaitedInit {
        let start: UInt64
        let container: Container
    }

    /// Whether this is the awaited init itself, still in its container, and its own program at last.
    private mutating func beginsTree(_ fixed: rec_exec, _ awaited: AwaitedInit) -> Bool {
        awaitedInits[fixed.image.tgid] = nil
        return awaited.start == fixed.image.start
            && registry.tree.container(above: fixed.cgroup_id) === awaited.container
    }

    /// How often a process has exec'd, as far as the ring has told; nil of one that is not known.
    package func execs(of pid: UInt32) -> UInt32? { table[pid]?.key.exec_count }

    // MARK: Records

    private mutating func exec(_ view: ExecView, record: UnsafeRawBufferPointer, emit: (ProcessEvent) -> Void) {
        if view.argumentsToCome > 0 {
            pending[view.fixed.head.cpu] = PendingArguments(
                exec: record, image: view.fixed.image, inline: view.arguments,
                wanted: view.arguments.count + view.argumentsToCome)
        } else {
            commit(
                view, strings: view.arguments,
                flags: view.isCutShort ? view.flags(having: view.arguments.count, isComplete: false) : [], emit: emit)
        }
    }

    private mutating func continuation(_ view: ArgumentsView, emit: (ProcessEvent) -> Void) {
        let cpu = view.fixed.head.cpu
        guard pending[cpu]?.image == view.fixed.image, !view.bytes.isEmpty else {
            return finishPending(cpu: cpu, emit: emit)
        }
        pending[cpu]?.append(view.bytes, at: Int(view.fixed.offset))
        if pending[cpu]?.isComplete == true { finishPending(cpu: cpu, emit: emit) }
    }

    mutating func finishPending(cpu: UInt16, emit: (ProcessEvent) -> Void) {
        guard let waiting = pending.removeValue(forKey: cpu) else { return }
        waiting.exec.withUnsafeBytes { record in
            waiting.arguments.withUnsafeBytes { strings in
                // It was decoded once already: it cannot fail now.
                guard let view = try? ExecView(record) else { return }
                let flags = view.flags(having: strings.count, isComplete: waiting.isComplete)
                if flags.contains(.truncatedArguments) { counters.lostArguments += 1 }
                commit(view, strings: strings, flags: flags, emit: emit)
            }
        }
    }

    private mutating func commit(
        _ view: ExecView, strings: UnsafeRawBufferPointer, flags: ProcessFlags, emit: (ProcessEvent) -> Void
    ) {
        let fixed = view.fixed
        releaseLoads(of: fixed.image.tgid, beforeExecAt: fixed.head.time, emit: emit)
        defer { releaseLoads(ofNewProgramIn: fixed.image.tgid, emit: emit) }
        let (arguments, environment) = view.parts(of: strings)
        let old = table[fixed.image.tgid].flatMap { $0.key.isSameProcess(as: fixed.image) ? $0 : nil }
        counters.execs += 1

        var flags = flags.union([.execve]).union(ProcessFlags(kernel: fixed.flags))
        let parent: ProcessEntry?
        switch old {
        case let old? where old.isFork:
            flags.insert(.clone)
            parent = old.parent
        case let old? where old.key.exec_count >= fixed.image.exec_count:
            // The iterator saw this image, or a later one, before its record was read.
            parent = old.parent
        case let old?:
            parent = old
        case nil:
            if view.has(REC_FLAG_AFTER_FORK) { flags.insert(.clone) }
            parent = entry(fixed.parent)
        }
        if parent == nil {
            flags.insert(.miss)
            counters.unknownParents += 1
        }

        if !awaitedInits.isEmpty, let awaited = awaitedInits[fixed.image.tgid], beginsTree(fixed, awaited),
            !flags.contains(.inInitTree)
        {
            flags.insert(.inInitTree)
            lateTrees.append(TreeSeed(tgid: fixed.image.tgid, cgroup: fixed.cgroup_id))
        }
        let filename = String(decoding: view.filename, as: UTF8.self)
        let image = remember(
            makeImage(
                fixed, parent: parent, time: fixed.head.time, filename: filename,
                cwd: String(decoding: view.cwd(), as: UTF8.self),
                arguments: CommandLineText.join(arguments),
                environment: detailSettings.environment ? environment : nil, flags: flags,
                file: { String(decoding: view.exe(), as: UTF8.self) },
                vector: { CommandLineText.split(arguments) }))
        if image.inInitTree, let container = image.container, !registry.hasStarted(container) {
            registry.start(container)
        }
        let entry = ProcessEntry(key: fixed.image, parent: parent, content: .image(image))
        if let old, old.key.exec_count > fixed.image.exec_count {
            // Late news of an image that is over: told, but not entered.
            tell(.exec, fixed.head, fixed.flags, fixed.cgroup_id, entry, emit: emit)
            return entry.retire()
        }
        if let stale = table.updateValue(entry, forKey: fixed.image.tgid) { retire(stale) }
        tell(.exec, fixed.head, fixed.flags, fixed.cgroup_id, entry, emit: emit)
    }

    /// Unless the rate of its cgroup leaves no room for it.
    private mutating func tell(
        _ kind: ProcessEvent.Kind, _ head: rec_head, _ flags: UInt32, _ cgroup: UInt64, _ entry: ProcessEntry,
        emit: (ProcessEvent) -> Void
    ) {
        if flags & REC_FLAG_THROTTLED.rawValue != 0 {
            counters.throttled += 1
            throttles.note(cgroup, of: entry.key.tgid, at: head.time)
        } else {
            offer(event(kind, head.time, entry), emit: emit)
        }
    }

    private mutating func fork(_ record: rec_fork) {
        counters.forks += 1
        if let present = table[record.child.tgid] {
            if present.key.isSameProcess(as: record.child) { return }
            retire(present)
        }
        let parent = entry(record.parent)
        if parent == nil { counters.unknownParents += 1 }
        // Made now, or a chain of forks without an exec would be as many calls deep when its end is asked for.
        if let parent, parent.hasForkedOnly { _ = image(of: parent) }
        table[record.child.tgid] = ProcessEntry(key: record.child, parent: parent, content: .fork(record))
    }

    private mutating func exit(_ record: rec_exit, emit: (ProcessEvent) -> Void) {
        finishHits(of: record.image.tgid, emit: emit)
        releaseCalls(of: record.image.tgid, emit: emit)
        releaseLoads(of: record.image.tgid, emit: emit)
        guard let entry = table[record.image.tgid], entry.key.isSameProcess(as: record.image) else {
            if recentExits.contains(record.image) {
                counters.repeatedExits += 1
            } else {
                counters.unknownExits += 1
                recentExits.insert(record.image)
                if isThrottled(record) { return }
                let stranger = ProcessEntry(
                    key: record.image, parent: nil,
                    content: .image(
                        remember(
                            strangerImage(
                                record.image, cgroup: record.cgroup_id,
                                inTree: record.flags & REC_FLAG_IN_TREE.rawValue != 0))))
                offer(event(.exit(code: record.code), record.head.time, stranger), emit: emit)
            }
            return
        }
        counters.exits += 1
        recentExits.insert(record.image)
        table[record.image.tgid] = nil
        if !awaitedInits.isEmpty { awaitedInits[record.image.tgid] = nil }
        // Made before the entry leaves the family: the event still tells of the parent.
        let told = event(.exit(code: record.code), record.head.time, entry)
        if let container = told.process.container, container.initProcess == record.image.tgid {
            registry.initEnded(container)
        }
        retire(entry)
        if !isThrottled(record) { offer(told, emit: emit) }
    }

    private mutating func isThrottled(_ record: rec_exit) -> Bool {
        guard record.flags & REC_FLAG_THROTTLED.rawValue != 0 else { return false }
        counters.throttled += 1
        throttles.note(record.cgroup_id, of: record.image.tgid, at: record.head.time)
        return true
    }

    private mutating func cgroup(_ view: CgroupView, emit: (ProcessEvent) -> Void) {
        let record = view.fixed
        switch record.what {
        case REC_CGROUP_CREATED.rawValue:
            registry.cgroupCreated(
                id: record.id, parent: record.parent_id, name: String(decoding: view.name, as: UTF8.self),
                byRuntime: isOfRuntime(record.image))
        case REC_CGROUP_REMOVED.rawValue:
            giveUp(record.id, .removed, emit: emit)
            registry.cgroupRemoved(id: record.id)
        default: break  // A move changes nothing that is kept: every record brings its own cgroup.
        }
    }

    /// Whether a process or one of its ancestors runs a container runtime.
    private mutating func isOfRuntime(_ key: rec_image) -> Bool {
        var next = entry(key)
        for _ in 0..<Self.ancestors {
            guard let entry = next, entry.key.tgid != 0 else { return false }
            if image(of: entry).lineage.isRuntime { return true }
            next = entry.parent
        }
        return false
    }

    /// How far up a runtime is looked for: a shim, the runtime, and what it starts.
    private static let ancestors = 8

    // MARK: Entries

    func entry(_ key: rec_image) -> ProcessEntry? {
        table[key.tgid].flatMap { key.tgid == 0 || $0.key.isSameProcess(as: key) ? $0 : nil }
    }

    private mutating func retire(_ entry: ProcessEntry) {
        // Children may ask for this image later, when its own parent is no longer known.
        if entry.references > 1 { _ = image(of: entry) }
        entry.retire()
    }

    mutating func event(_ kind: ProcessEvent.Kind, _ time: UInt64, _ entry: ProcessEntry) -> ProcessEvent {
        var references = entry.references
        if case .exit = kind { references -= 1 }
        return ProcessEvent(
            kind: kind, bootTime: time, time: clock.wall(time), process: image(of: entry), references: references,
            parent: entry.parent.map { image(of: $0) }, parentReferences: entry.parent?.references ?? 0,
            ancestors: entry.ancestors)
    }

    mutating func image(of entry: ProcessEntry) -> ProcessImage {
        switch entry.content {
        case .image(let image): return image
        case .fork(let record):
            let image = remember(forkedImage(record, parent: entry.parent.map { self.image(of: $0) }))
            entry.settle(image)
            return image
        }
    }

    mutating func text(_ flags: ProcessFlags) -> String {
        if let text = flagTexts[flags] { return text }
        let text = flags.text
        flagTexts[flags] = text
        return text
    }
}

extension ExecView {
    /// The rate of its cgroup left no room for all of its strings.
    fileprivate var isCutShort: Bool {
        has(REC_FLAG_THROTTLED) && Int(fixed.args_total) + Int(fixed.env_total) > arguments.count
    }

    /// What is odd about strings that came in several records.
    fileprivate func flags(having count: Int, isComplete: Bool) -> ProcessFlags {
        let arguments = min(Int(fixed.args_total), Int(REC_ARGS_MAX.rawValue))
        var flags: ProcessFlags = []
        if arguments > Int(fixed.args_len) { flags.insert(.dataArguments) }
        if isComplete { return flags }
        if count < arguments { flags.insert(.truncatedArguments) }
        if fixed.env_total > 0 { flags.insert(.truncatedEnvironment) }
        return flags
    }
}

/// The last exits, to tell an exit reported twice from one of a stranger. Repeats come within microseconds.
struct RecentExits {
    private var ring: [rec_image] = []
    private var next = 0
    private static let capacity = 256

    func contains(_ image: rec_image) -> Bool { ring.contains { $0.isSameProcess(as: image) } }

    mutating func insert(_ image: rec_image) {
        if ring.count < Self.capacity {
            ring.append(image)
        } else {
            ring[next] = image
        }
        next = (next + 1) % Self.capacity
    }
}

extension rec_image: @retroactive Equatable {
    package static func == (left: rec_image, right: rec_image) -> Bool {
        left.start == right.start && left.tgid == right.tgid && left.exec_count == right.exec_count
    }
}
