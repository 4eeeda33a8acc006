// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors

/// One program of one row, and what it says while something is done. A trial is run, or makes programs for whoever has
/// them run.
struct PolicyTrial {
    /// As the sensors, the same for all: what they keep of one trial is of no account to another.
    private static func shared(with sensors: BaseSensors) throws -> (PolicyMaps, PolicyTasks) {
        if let loaded = sharedMaps, let tasks = sharedTasks { return (loaded, tasks) }
        let configuration = try Hierarchy.configuration(ringBytes: 64 << 20)
        let types = try KernelTypes()
        let maps = try sensors.policyMaps(configuration, types: types)
        let tasks = try PolicyTasks(configuration, types: types, sharing: maps)
        (sharedMaps, sharedTasks) = (maps, tasks)
        return (maps, tasks)
    }
    nonisolated(unsafe) private static var sharedMaps: PolicyMaps?
    nonisolated(unsafe) private static var sharedTasks: PolicyTasks?

    /// The numbers that trials give to binary sets.
    private static let binarySets = [5, 7, 8, 300]

    /// What a trial has made.
    struct Parts {
        let program: PolicyProgram
        let maps: PolicyMaps
        let tasks: PolicyTasks
        let binaries: BinarySets
    }

    static let row: UInt32 = 42
    /// What the names of files begin with that trials look at.
    static let marker = "/tmp/apus-act-"

    var place = PolicyProgram.Place.tracepoint(subsystem: "syscalls", event: "sys_enter_openat")
    var shape = pol_shape()
    var values = pol_row()
    var capacity = PolicyCapacity()
    var tracksSockets = false
    private var filters = 0

    /// Sees nothing but what is filtered in, of whatever place.
    init(at place: PolicyProgram.Place) {
        self.place = place
        values.id = Self.row
        values.until = .max
        shape.selectors = 1
    }

    /// Posts these values, whatever they are, and what is returned. Made for ``program(at:_:oneByOne:)``.
    init(_ arguments: [pol_argument], returns type: pol_type? = nil) {
        values.id = Self.row
        values.until = .max
        for (index, argument) in arguments.enumerated() { setArgument(index, argument) }
        shape.raw_count = arguments.map { $0.raw + 1 }.max() ?? 0
        guard let type else { return }
        shape.has_return = 1
        setArgument(arguments.count, pol_argument(type, raw: UInt8(POL_RAW_RETURN.rawValue), max: 0, POL_AT_RETURN))
    }

    /// Sees open(2) of files whose names begin as ``marker`` does.
    init() {
        self.init(at: .tracepoint(subsystem: "syscalls", event: "sys_enter_openat"))
        setArgument(0, POL_STRING, raw: 0, offset: 24, max: 4096, isFiltered: true)
        capacity.bytes[24] = 16
        capacity.lengths = 4
        add(POL_BYTES, 0, POL_PREFIX, 1000)
    }

    mutating func setArgument(
        _ index: Int, _ type: pol_type, raw: UInt8, offset: UInt16 = 0, max: UInt16 = 0, isFiltered: Bool = false
    ) {
        var argument = pol_argument(type, raw: raw, at: offset, max: max)
        if isFiltered { argument.flags |= UInt8(POL_FILTERED.rawValue) }
        setArgument(index, argument)
        shape.raw_count = Swift.max(shape.raw_count, raw + 1)
    }

    private mutating func setArgument(_ index: Int, _ argument: pol_argument) {
        withUnsafeMutableBytes(of: &shape.arguments) { $0.bindMemory(to: pol_argument.self)[index] = argument }
    }

    mutating func add(
        _ what: pol_what, _ index: UInt32 = 0, _ op: pol_op = POL_EQUAL, negated: Bool = false, _ a: UInt64,
        _ b: UInt64 = 0
    ) {
        let filter = pol_filter(
            what: UInt8(what.rawValue), index: UInt8(index),
            op: UInt8(op.rawValue | (negated ? POL_NEGATED.rawValue : 0)), pad: 0)
        withUnsafeMutableBytes(of: &shape.at_entry.0.filters) { $0.bindMemory(to: pol_filter.self)[filters] = filter }
        withUnsafeMutableBytes(of: &values.operands.0) {
            $0.bindMemory(to: pol_operand.self)[filters] = pol_operand(a: a, b: b)
        }
        filters += 1
    }

    /// Only where the bytes of the value are those of set 3.
    mutating func filter(_ index: UInt32) {
        shape.selectors = 1
        add(POL_BYTES, index, POL_IN, 3)
        capacity.bytes[120] = 4
        capacity.bytes[24] = 4
    }

    mutating func act(_ actions: pol_action..., post: UInt32 = 0) {
        withUnsafeMutableBytes(of: &shape.at_entry.0.actions) { $0.copyBytes(from: actions.map { UInt8($0.rawValue) }) }
        shape.at_entry.0.post = UInt8(post)
    }

    func program(at place: PolicyProgram.Place, _ maps: PolicyMaps, oneByOne: Bool = false) throws -> PolicyProgram {
        let program = try PolicyProgram(
            at: place, shape: shape, capacity: capacity, oneByOne: oneByOne, sharing: maps)
        try program.setRow(0, values)
        return program
    }

    /// Loads, prepares, attaches, does, detaches, and reads what came.
    func run(
        on sensors: BaseSensors, prepare: (Parts) throws -> Void = { _ in }, _ action: (Parts) throws -> Void
    ) throws -> [PolicyHit] {
        let (maps, tasks) = try Self.shared(with: sensors)
        if tracksSockets { try maps.trackSockets(64) }
        let program = try program(at: place, maps)
        let binaries = BinarySets(tasks)
        let parts = Parts(program: program, maps: maps, tasks: tasks, binaries: binaries)
        defer {
            for number in Self.binarySets { try? binaries.remove(number) }
            tasks.stopKeepingPrivileges()
        }
        if capacity.lengths > 0 {
            try program.insert(bytes: Array(Self.marker.utf8), into: 1000)
            try program.setLengths([UInt32(Self.marker.utf8.count)], of: 1000)
        }
        try maps.setGeneration(1)
        try prepare(parts)
        try program.attach()
        defer { program.detach() }
        try action(parts)
        program.detach()
        return sensors.takeHits().filter { $0.row == Self.row }
    }

    /// Opens a file, or tries to, whose name the trials see.
    static func open(_ name: String) {
        let file = Glibc.open(marker + name, O_RDONLY | O_CLOEXEC)
        if file >= 0 { close(file) }
    }
}

extension TestProgram {
    static var act: String { directory + "/act" }
}

/// A file of its own that is executed, there for one test.
struct ProgramCopy: ~Copyable {
    let path: String

    init(_ source: String, _ path: String) throws {
        self.path = path
        let from = open(source, O_RDONLY | O_CLOEXEC), to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o755)
        guard from >= 0, to >= 0 else { throw TestFailure("cannot copy \(source) to \(path): errno \(errno)") }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while case let count = read(from, &buffer, buffer.count), count > 0 { write(to, buffer, count) }
        close(from)
        close(to)
    }

    func remove() { unlink(path) }
}
