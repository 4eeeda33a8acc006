// SPDX-License-Identifier: Apache-2.0
import CRecords
package import Containers
import Glibc
package import Sensors

/// The kernel that this machine runs.
package final class LoadedKernel: PolicyKernel {
    private let sensors: BaseSensors
    private let configuration: SensorConfiguration
    private let types: KernelTypes?
    private let procfs: Procfs
    private var parts: (maps: PolicyMaps, types: KernelTypes)?
    private var tasks: (tasks: PolicyTasks, sets: Sensors.BinarySets)?
    private var keepsPrivileges = false
    private let pins: PolicyPins?
    private let left: PinnedPolicies?

    /// Nothing is loaded before the first policy needs it: most nodes have none, and it takes memory.
    ///
    /// - Parameters:
    ///   - configuration: the sensors'.
    ///   - types: the kernel's, if the caller has them.
    ///   - root: where earlier agents may have left something.
    ///   - isKept: what is loaded stays there when the agent goes.
    package init(
        _ sensors: BaseSensors, _ configuration: SensorConfiguration, types: KernelTypes?, procfs: Procfs = Procfs(),
        pinning root: sending PinRoot? = nil, isKept: Bool = false
    ) {
        left = root.map { PinnedPolicies($0) }
        pins = isKept ? root.map { PolicyPins($0) } : nil
        self.sensors = sensors
        self.configuration = configuration
        self.types = types
        self.procfs = procfs
    }

    private func shared() throws -> (maps: PolicyMaps, types: KernelTypes) {
        if let parts { return parts }
        let types = if let types { types } else { try KernelTypes() }
        let made = (maps: try sensors.policyMaps(configuration, types: types, pins: pins), types: types)
        parts = made
        return made
    }

    private func processes() throws -> (tasks: PolicyTasks, sets: Sensors.BinarySets) {
        if let tasks { return tasks }
        let (maps, types) = try shared()
        let loaded = try PolicyTasks(configuration, types: types, sharing: maps)
        let made = (tasks: loaded, sets: Sensors.BinarySets(loaded))
        tasks = made
        return made
    }

    package func load(
        _ hook: HookPlan, at places: [HookPlan.Place], room: PolicyCapacity
    ) throws -> any PolicyRows {
        let maps = try shared().maps
        if hook.shape.tracks_sockets != 0 { try maps.trackSockets() }
        if hook.shape.looksAtChanges, !keepsPrivileges {
            try processes().tasks.keepPrivileges()
            keepsPrivileges = true
        }
        let program = try PolicyProgram(
            at: try PolicyProgram.Place(places, hook.method), shape: hook.shape, capacity: room,
            oneByOne: !hook.isAttachedAtOnce || places.count > 1, sharing: maps)
        return LoadedProgram(program, room, bound: hook.method.bound)
    }

    package func setGeneration(_ generation: UInt32, _ handover: Handover?) throws {
        let maps = try shared().maps
        if let handover {
            try maps.setGeneration(generation, insteadOf: handover.from, first: handover.first)
        } else {
            try maps.setGeneration(generation)
        }
    }

    package func awaitCalls() { PolicyMaps.awaitCalls() }

    // MARK: Binary sets

    package func fill(binarySet number: UInt32, with content: BinarySetContent) throws {
        let sets = try processes().sets
        switch content {
        case .paths(let paths): try add(number, .paths, paths, to: sets)
        case .prefixes(let texts): try add(number, .prefixes, texts, to: sets)
        case .postfixes(let texts): try add(number, .postfixes, texts, to: sets)
        case .pids(let pids, let inNamespace):
            try sets.mark(tgids: inNamespace ? processes(withOwn: Set(pids)) : pids, in: Int(number))
        }
    }

    private func add(
        _ number: UInt32, _ kind: Sensors.BinarySets.Kind, _ texts: [String], to sets: Sensors.BinarySets
    ) throws {
        try sets.add(Int(number), kind, texts.map { Array($0.utf8) })
        try sets.markProcesses()
    }

    package func empty(binarySet number: UInt32, of content: BinarySetContent) {
        try? tasks?.sets.remove(Int(number))
    }

    /// The host pids of processes that have one of these pids in their own namespace.
    private func processes(withOwn pids: Set<UInt32>) -> [UInt32] {
        guard let directory = opendir(procfs.root) else { return [] }
        defer { closedir(directory) }
        var found: [UInt32] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard let pid = UInt32(name), let status = procfs.text("\(pid)/status", limit: 8192) else { continue }
            let line = status.split(separator: "\n").first { $0.hasPrefix("NSpid:") }
            if let own = line?.split(whereSeparator: \.isWhitespace).last.flatMap({ UInt32($0) }), pids.contains(own) {
                found.append(pid)
            }
        }
        return found
    }

    // MARK: What outlives an agent

    package var leftovers: [PinnedPolicy] { left?.policies ?? [] }

    package func release(_ leftover: PinnedOwner) -> Bool { left?.release(leftover) ?? false }

    package func leaveEverything() -> Bool {
        pins?.removeUnlessNeeded()
        return pins != nil
    }

    // MARK: Enforcers

    package func loadEnforcer(_ plan: EnforcerPlan, number: UInt32) throws -> [any PolicyEnforcing] {
        let (maps, types) = try shared()
        return try plan.places.map { place in
            LoadedEnforcer(try PolicyEnforcer(number, at: place, types: types, sharing: maps))
        }
    }
}

private final class LoadedEnforcer: PolicyEnforcing {
    private let enforcer: PolicyEnforcer

    init(_ enforcer: PolicyEnforcer) { self.enforcer = enforcer }

    func attach() throws { try enforcer.attach() }
    func detach() { enforcer.detach() }
}

/// Unchecked: its parts are system calls on descriptors that stay what they are until it is gone, and the manager alone
/// attaches, detaches and fills sets.
private final class LoadedProgram: PolicyRows, @unchecked Sendable {
    private let program: PolicyProgram
    private let bound: String?
    private var transitions: RowAllocator

    init(_ program: PolicyProgram, _ room: PolicyCapacity, bound: String?) {
        self.program = program
        self.bound = bound
        transitions = RowAllocator(count: room.transitions)
    }

    func setRow(_ slot: UInt32, _ row: pol_row) throws { try program.setRow(slot, row) }

    func setOwner(_ slot: UInt32, _ policy: PolicyKey) throws {
        try program.setOwner(slot, PinnedOwner(name: policy.name, namespace: policy.namespace))
    }

    func setList(_ rows: [UInt32]?, of cgroup: UInt64) throws {
        if let rows { try program.setList(rows, of: cgroup) } else { program.removeList(of: cgroup) }
    }

    func insert(_ content: SetContent, as set: UInt32) throws {
        switch content {
        case .numbers(let numbers): for number in numbers { try program.insert(number: number, into: set) }
        case .texts(let texts): for text in texts { try program.insert(bytes: text, into: set) }
        case .prefixes(let texts), .postfixes(let texts):
            for text in texts { try program.insert(bytes: text, into: set) }
            try program.setLengths(Set(texts.map { UInt32($0.count) }).sorted(), of: set)
        case .networks(let networks):
            for network in networks {
                try program.insert(network: network.address, bits: UInt32(clamping: network.bits), into: set)
            }
        case .ranges(let ranges):
            for range in ranges { try program.insert(prefixes: PolicyProgram.prefixes(of: range), into: set) }
        case .substrings, .substringsOfAnyCase:
            guard let automaton = try content.automaton() else { return }
            guard let first = transitions.take(automaton.rows, for: set) else {
                throw PolicyLoadError("the texts to be looked for find no room in their program: load the policy again")
            }
            try program.insert(automaton, atRow: UInt32(first), into: set)
        }
    }

    func remove(_ content: SetContent, as set: UInt32) {
        switch content {
        case .numbers(let numbers): for number in numbers { program.remove(number: number, from: set) }
        case .texts(let texts): for text in texts { program.remove(bytes: text, from: set) }
        case .prefixes(let texts), .postfixes(let texts):
            program.removeLengths(of: set)
            for text in texts { program.remove(bytes: text, from: set) }
        case .networks(let networks):
            for network in networks {
                program.remove(network: network.address, bits: UInt32(clamping: network.bits), from: set)
            }
        case .ranges(let ranges):
            for range in ranges { program.remove(prefixes: PolicyProgram.prefixes(of: range), from: set) }
        case .substrings, .substringsOfAnyCase:
            program.removeAutomaton(of: set)
            transitions.free(set)
        }
    }

    func attach() throws {
        do throws(SensorError) {
            try program.attach()
        } catch {
            if error.errno == E2BIG, let bound { throw PolicyLoadError("\(error): \(bound)") }
            throw error
        }
    }

    func retire() { program.retire() }
    func detach() { program.detachSoon() }

    var kernelMemory: UInt64 { UInt64(clamping: program.kernelMemory) }

    func counts(of slot: UInt32) -> [[UInt64]] { (try? program.counts(ofRow: slot)) ?? [] }
    func clearCounts(of slot: UInt32) throws { try program.clearCounts(ofRow: slot) }
    var misses: PolicyMisses {
        let misses = program.misses
        return PolicyMisses(
            recursion: misses.recursion, probe: misses.probe, busy: misses.busy, returns: misses.returns)
    }
}

/// Rows in a row for each of some sets, the first that are free.
struct RowAllocator {
    private let count: Int
    private var taken: [UInt32: Range<Int>] = [:]

    init(count: Int) { self.count = count }

    mutating func take(_ rows: Int, for set: UInt32) -> Int? {
        var first = 0
        for range in taken.values.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound - first >= rows { break }
            first = range.upperBound
        }
        guard rows <= count - first else { return nil }
        taken[set] = first..<first + rows
        return first
    }

    mutating func free(_ set: UInt32) { taken[set] = nil }
}

extension SetContent {
    /// What finds one of these texts in another.
    func automaton() throws(PolicyLoadError) -> SubstringAutomaton? {
        let (texts, anyCase): ([[UInt8]], Bool)
        switch self {
        case .substrings(let given): (texts, anyCase) = (given, false)
        case .substringsOfAnyCase(let given): (texts, anyCase) = (given, true)
        default: return nil
        }
        guard let automaton = SubstringAutomaton(texts, anyCase: anyCase) else {
            throw PolicyLoadError(
                "the texts of a SubString filter are longer than can be looked for: \(SubstringAutomaton.statesMax) bytes"
            )
        }
        return automaton
    }
}

extension HookPlan.Method {
    /// What the kernel means when it says that there are too many.
    fileprivate var bound: String? {
        switch self {
        case .tracepoint: "the kernel takes 64 programs at one tracepoint"
        case .fentry, .fmodRet, .lsm:
            "the kernel takes 38 programs at one function (fentry, fexit, fmod_ret and LSM together)"
        case .rawTracepoint, .kprobe, .kprobeOverride, .rawSyscall, .uprobe: nil
        }
    }

    fileprivate var forFunctions: PolicyProgram.Method? {
        switch self {
        case .kprobe: .kprobe
        case .kprobeOverride: .kprobeOverride
        case .fentry: .fentry
        case .fmodRet: .fmodRet
        case .rawSyscall: .rawSyscall
        case .tracepoint, .rawTracepoint, .lsm, .uprobe: nil
        }
    }
}

extension PolicyProgram.Place {
    /// - Parameter places: of several each is one, by ``HookPlan/canShareProgram``.
    fileprivate init(_ places: [HookPlan.Place], _ method: HookPlan.Method) throws {
        if places.count == 1 {
            try self.init(places[0], method)
            return
        }
        var tracepoints: [PolicyProgram.Tracepoint] = []
        var (functions, calls): ([String], [HookPlan.SystemCall]) = ([], [])
        for place in places {
            switch place {
            case .tracepoint(let subsystem, let event):
                tracepoints.append(PolicyProgram.Tracepoint(subsystem, event))
            case .functions(let names): functions += names
            case .systemCalls(let some): calls += some
            default: break
            }
        }
        if tracepoints.count == places.count {
            self = .tracepoints(tracepoints)
        } else if functions.count == places.count {
            try self.init(.functions(functions), method)
        } else if calls.count == places.count {
            try self.init(.systemCalls(calls), method)
        } else {
            throw PolicyLoadError("\(places.count) places cannot share a program")
        }
    }

    fileprivate init(_ place: HookPlan.Place, _ method: HookPlan.Method) throws {
        switch place {
        case .tracepoint(let subsystem, let event): self = .tracepoint(subsystem: subsystem, event: event)
        case .rawTracepoint(let name): self = .rawTracepoint(name)
        case .securityHook(let name): self = .securityHook(name)
        case .functions(let names):
            guard let method = method.forFunctions else {
                throw PolicyLoadError("functions cannot be watched by way of a \(method.rawValue)")
            }
            self = .functions(names, by: method)
        case .systemCalls(let calls):
            guard let method = method.forFunctions else {
                throw PolicyLoadError("system calls cannot be watched by way of a \(method.rawValue)")
            }
            self = .systemCalls(calls.map { SystemCall($0) }, by: method)
        case .symbols(let path, let symbols):
            let names = symbols.compactMap { if case .name(let name) = $0 { name } else { nil } }
            var found = names.isEmpty ? [] : try UserSymbols.offsets(of: names, in: path)
            guard found.count == names.count else { throw PolicyLoadError("\(path) does not have all of its symbols") }
            self = .userFunctions(
                path: path,
                offsets: symbols.map { symbol in
                    switch symbol {
                    case .name: found.removeFirst()
                    case .offset(let offset): offset
                    }
                })
        case .probe(let probe):
            // A place that is none any more would be in the middle of an instruction.
            guard try UserSymbols.probe(probe.name, of: probe.provider, in: probe.path) == probe else {
                throw PolicyLoadError("\(probe.path) has changed since it was looked at: load the policy again")
            }
            self = .userProbe(probe)
        }
    }
}

extension EnforcerPlan {
    fileprivate var places: [PolicyEnforcer.Place] {
        switch (place, method) {
        case (.functions(let names), .fmodRet): names.map { .function($0) }
        case (.functions(let names), _): names.map { .probe($0) }
        case (.systemCalls(let calls), _): [.systemCalls(calls.map { SystemCall($0) })]
        default: []
        }
    }
}

extension SystemCall {
    fileprivate init(_ call: HookPlan.SystemCall) { self.init(call.name, abi: call.is32Bit ? .compat : .native) }
}

extension pol_shape {
    private var selectors: [pol_selector] {
        withUnsafeBytes(of: at_entry) { Array($0.bindMemory(to: pol_selector.self)) } + [at_return]
    }

    var limitsRates: Bool { selectors.contains { UInt32($0.post) & POL_RATE_LIMITED.rawValue != 0 } }
}
