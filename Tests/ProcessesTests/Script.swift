import CRecords
// SPDX-License-Identifier: Apache-2.0
import Containers
import Models
import Processes
import Sensors

/// A tracker fed with records made by hand, as the kernel would send them.
struct Script {
    var tracker: ProcessTracker
    private(set) var events: [ProcessEvent] = []
    private var sequence: [UInt16: UInt64] = [:]
    private var time: UInt64 = 1_000_000_000

    static let hostNamespaces = NamespaceKey(mount: 10, pid: 11)
    static let init1 = image(1)

    init(
        limits: BarrierLimits = .init(), details: DetailSettings = .init(), redaction: Redaction? = nil,
        userNames: UserNames? = nil
    ) {
        tracker = ProcessTracker(
            node: "n", registry: ContainerRegistry(host: Self.hostNamespaces), runtimeNames: ["runc", "conmon"],
            limits: limits, details: details, redaction: redaction, userNames: userNames)
        _ = tracker.adopt(
            tasks: [Self.exec(Self.init1, parent: image(0), type: REC_TASK, exe: "init\0sbin\0")], early: [],
            procfs: Procfs(root: "/nonexistent"), cgroupPaths: [:]
        ) { _ in }
    }

    mutating func fork(_ child: rec_image, from parent: rec_image, cgroup: UInt64 = 1, flags: rec_flag = rec_flag(0)) {
        var record = rec_fork()
        record.head = head(REC_FORK, cpu: 0)
        record.child = child
        record.parent = parent
        record.cgroup_id = cgroup
        record.ns_pid = child.tgid
        record.flags = flags.rawValue
        send(bytes(of: record))
    }

    mutating func exec(
        _ image: rec_image, parent: rec_image = init1, filename: String, cwd: String = "", arguments: [String] = [],
        environment: [String] = [], flags: rec_flag = rec_flag(0), cgroup: UInt64 = 1,
        namespaces: NamespaceKey = hostNamespaces, argumentsTotal: Int? = nil, cpu: UInt16 = 0,
        edit: (inout rec_exec) -> Void = { _ in }
    ) {
        send(
            Self.exec(
                image, parent: parent, head: head(REC_EXEC, cpu: cpu), filename: filename, cwd: cwd,
                arguments: arguments.map { $0 + "\0" }.joined(),
                environment: environment.map { $0 + "\0" }.joined(), flags: flags, cgroup: cgroup,
                namespaces: namespaces,
                argumentsTotal: argumentsTotal, edit: edit))
    }

    mutating func moreArguments(_ image: rec_image, at offset: Int, _ text: String, cpu: UInt16 = 0) {
        var record = rec_args()
        record.head = head(REC_ARGS, cpu: cpu)
        record.image = image
        record.offset = UInt32(offset)
        record.args_len = UInt32(text.utf8.count)
        send(bytes(of: record) + Array(text.utf8))
    }

    mutating func exit(
        _ image: rec_image, code: Int32 = 0, cgroup: UInt64 = 1, flags: rec_flag = rec_flag(0)
    ) {
        var record = rec_exit()
        record.head = head(REC_EXIT, cpu: 0)
        record.image = image
        record.code = code
        record.flags = flags.rawValue
        record.cgroup_id = cgroup
        send(bytes(of: record))
    }

    mutating func cgroup(
        _ what: rec_cgroup_what, _ id: UInt64, parent: UInt64 = 1, name: String = "", by maker: rec_image = rec_image()
    ) {
        var record = rec_cgroup()
        record.head = head(REC_CGROUP, cpu: 0)
        record.what = what.rawValue
        record.id = id
        record.parent_id = parent
        record.image = maker
        record.name_len = UInt32(name.utf8.count)
        send(bytes(of: record) + Array(name.utf8))
    }

    mutating func hit(_ hit: HandmadeHit, cpu: UInt16 = 0) { send(hit.record(head(REC_POLICY, cpu: cpu))) }

    /// More of a value.
    mutating func more(
        _ hit: HandmadeHit, slot: UInt8, number: UInt32, _ bytes: [UInt8], isLast: Bool = false,
        flags: pol_value_flag = pol_value_flag(0), cpu: UInt16 = 0
    ) {
        var record = rec_policy_data()
        record.head = head(REC_POLICY_DATA, cpu: cpu)
        record.call = hit.call
        record.tid = hit.tid ?? hit.image.tgid
        record.number = number
        record.index = slot
        record.length = UInt32(bytes.count)
        record.flags = isLast ? UInt8(POL_LAST.rawValue) : 0
        record.value_flags = UInt16(flags.rawValue)
        send(HandmadeHit.bytes(of: record) + bytes)
    }

    mutating func forget(_ row: UInt32) { tracker.forget(row: row) { events.append($0) } }

    /// The hook has told of a container and been believed.
    @discardableResult
    mutating func register(_ id: String, cgroup: UInt64, pod: String = "p") throws -> Container {
        let container = Container(
            identity: try ContainerIdentity(id: id, name: "web", podName: pod, podNamespace: "ns"), source: .hook,
            cgroup: cgroup)
        try tracker.registry.register(container, namespaces: nil)
        tracker.registered(cgroup) { events.append($0) }
        return container
    }

    /// What waited for the word about a directory leaves.
    mutating func release(_ cgroup: UInt64) { tracker.registered(cgroup) { events.append($0) } }

    mutating func stop() {
        tracker.releaseAllCalls { events.append($0) }
        tracker.releaseAllLoads { events.append($0) }
        tracker.releaseAll { events.append($0) }
    }

    /// Time goes by.
    mutating func wait(seconds: UInt64) {
        time += seconds * 1_000_000_000
        tracker.releaseOverdue(at: time) { events.append($0) }
        tracker.releaseOverdueCalls(at: time) { events.append($0) }
    }

    /// Mapped files were looked for when the ring's end was there.
    mutating func map(_ records: [MappingRecord], end: UInt64 = 0) { tracker.mapped(records, end: end) }

    /// The ring has been read up to there.
    mutating func read(to position: UInt64 = .max) {
        tracker.releaseLoads(readTo: position, at: time) { events.append($0) }
    }

    /// The time of the last record.
    var now: UInt64 { time }

    /// The next records of this CPU find no room in the ring.
    mutating func lose(_ count: UInt64, cpu: UInt16 = 0) { sequence[cpu, default: 0] += count }

    mutating func send(_ record: [UInt8]) {
        record.withUnsafeBytes { bytes in tracker.apply(bytes) { events.append($0) } }
    }

    mutating func quiet() { tracker.ringIsEmpty { events.append($0) } }

    // MARK: -

    private mutating func head(_ type: rec_type, cpu: UInt16) -> rec_head {
        sequence[cpu, default: 0] += 1
        time += 1000
        return rec_head(size: 0, type: UInt16(type.rawValue), cpu: cpu, seq: sequence[cpu] ?? 0, time: time)
    }

    static func exec(
        _ image: rec_image, parent: rec_image, head: rec_head = rec_head(), type: rec_type = REC_EXEC,
        filename: String = "", cwd: String = "", exe: String = "", arguments: String = "",
        environment: String = "", flags: rec_flag = rec_flag(0), cgroup: UInt64 = 1,
        namespaces: NamespaceKey = hostNamespaces,
        argumentsTotal: Int? = nil, edit: (inout rec_exec) -> Void = { _ in }
    ) -> [UInt8] {
        var record = rec_exec()
        record.head = head
        record.head.type = UInt16(type.rawValue)
        record.image = image
        record.parent = parent
        record.cgroup_id = cgroup
        record.ns.mnt = namespaces.mount
        record.ns.pid = namespaces.pid
        record.ns_pid = image.tgid
        record.login_uid = .max
        record.flags = flags.rawValue
        record.filename_len = UInt16(filename.utf8.count)
        record.cwd_len = UInt16(cwd.utf8.count)
        record.exe_len = UInt16(exe.utf8.count)
        record.args_len = UInt16(arguments.utf8.count + environment.utf8.count)
        record.env_total = UInt32(environment.utf8.count)
        record.args_total = UInt32(argumentsTotal ?? arguments.utf8.count)
        edit(&record)
        return bytes(of: record) + Array((filename + cwd + exe + arguments + environment).utf8)
    }
}

/// The process with this pid: it started at pid milliseconds, and has exec'd this often.
func image(_ pid: UInt32, execs: UInt32 = 0) -> rec_image {
    rec_image(start: UInt64(pid) * 1_000_000, tgid: pid, exec_count: execs)
}

private func bytes<Value: BitwiseCopyable>(of value: Value) -> [UInt8] { withUnsafeBytes(of: value) { Array($0) } }
