// SPDX-License-Identifier: Apache-2.0
internal import CRecords
package import Containers
internal import Models
internal import Sensors

/// Processes that were there before the agent.
extension ProcessTracker {
    /// What the kernel must be told so that the children of processes found in a container's own tree are in it too.
    package struct TreeSeed: Sendable {
        package let tgid: UInt32
        /// Its own, which may be below the container's.
        package let cgroup: UInt64
    }

    /// What the kernel must be told of the processes that were there.
    package struct Adopted: Sendable {
        /// Those in a container's own tree.
        package var trees: [TreeSeed] = []
        /// Inits that have not begun their own program yet: an earlier agent had armed them.
        package var inits: [TreeSeed] = []
    }

    /// Enters the processes that the iterator found, oldest first, and emits an exec event (flag procFS) for each that
    /// is not a kernel thread.
    ///
    /// - Parameters:
    ///   - tasks: REC_TASK records, made after the sensors were attached.
    ///   - early: what the ring held by then and nobody has applied yet. An image that both saw gets the exec's time,
    ///     so that it has one exec_id; its event is left to the exec's record.
    ///   - cgroupPaths: path of each cgroup that was there, by id.
    package mutating func adopt(
        tasks: [[UInt8]], early: [[UInt8]], procfs: Procfs, cgroupPaths: [UInt64: String],
        emit: (ProcessEvent) -> Void
    ) -> Adopted {
        let found = tasks.compactMap { bytes in
            bytes.withUnsafeBytes { try? ExecView($0).fixed }.map { (fixed: $0, bytes: bytes) }
        }.sorted { ($0.fixed.image.start, $0.fixed.image.tgid) < ($1.fixed.image.start, $1.fixed.image.tgid) }
        ledger.malformed += UInt64(tasks.count - found.count)
        ledger.malformedUnnumbered += UInt64(tasks.count - found.count)

        for (fixed, _) in found {
            guessContainer(fixed, cgroupPaths: cgroupPaths)
        }
        let inits = waitingInits(found.map(\.fixed))
        let trees = existingTrees(found.map(\.fixed), except: inits)
        for container in registry.containers.values
        where container.isToldByHook && !inits.values.contains(where: { $0 === container }) {
            registry.start(container)
        }
        let execTimes = execTimes(early)
        for (fixed, bytes) in found {
            let seenTwice = execTimes[fixed.image.tgid]?[fixed.image.exec_count]
            let entry = adopt(
                fixed, bytes, inTree: trees[fixed.image.tgid] != nil, began: seenTwice ?? fixed.image.start,
                procfs: procfs)
            if seenTwice == nil, fixed.flags & REC_FLAG_KERNEL_THREAD.rawValue == 0 {
                counters.found += 1
                emit(event(.exec, fixed.image.start, entry))
            }
        }
        forgetStrangers(early)
        func seeds(_ isWanted: (UInt32) -> Bool) -> [TreeSeed] {
            found.filter { isWanted($0.fixed.image.tgid) }.map {
                TreeSeed(tgid: $0.fixed.image.tgid, cgroup: $0.fixed.cgroup_id)
            }
        }
        for (task, _) in found {
            guard let container = inits[task.image.tgid] else { continue }
            awaitedInits[task.image.tgid] = AwaitedInit(start: task.image.start, container: container)
        }
        return Adopted(trees: seeds { trees[$0] != nil }, inits: seeds { inits[$0] != nil })
    }

    /// Inits, by pid, that have not exec'd since their container was told of.
    private func waitingInits(_ found: [rec_exec]) -> [UInt32: Container] {
        var inits: [UInt32: Container] = [:]
        for container in registry.containers.values {
            if let process = container.initProcess, container.initExecs != nil { inits[process] = container }
        }
        guard !inits.isEmpty else { return [:] }
        let waiting = found.filter { task in
            guard let container = inits[task.image.tgid] else { return false }
            return isInit(task, of: container) && task.image.exec_count == container.initExecs
        }
        return inits.filter { entry in waiting.contains { $0.image.tgid == entry.key } }
    }

    private func isInit(_ task: rec_exec, of container: Container) -> Bool {
        guard container.initProcess == task.image.tgid else { return false }
        return container.initStart.map { $0 == task.image.start / Self.tickNanoseconds } ?? true
    }

    /// /proc counts starts in hundredths of a second.
    private static let tickNanoseconds: UInt64 = 10_000_000

    /// Who was there before the sensors and gone before the iterator came by was never told of: no exit of it either.
    private mutating func forgetStrangers(_ early: [[UInt8]]) {
        var born: Set<UInt32> = []
        for bytes in early {
            bytes.withUnsafeBytes { record in
                switch try? Record(record) {
                case .fork(let fork)?: born.insert(fork.child.tgid)
                case .exec(let exec)?: born.insert(exec.fixed.image.tgid)
                case .exit(let exit)? where !born.contains(exit.image.tgid) && table[exit.image.tgid] == nil:
                    recentExits.insert(exit.image)
                default: break
                }
            }
        }
    }

    /// A fork by a process of a found tree, made before the kernel knew of the tree.
    package static func unmarkedChild(
        _ record: UnsafeRawBufferPointer, of marked: Set<UInt32>
    ) -> TreeSeed? {
        guard case .fork(let fork)? = try? Record(record), fork.flags & REC_FLAG_IN_TREE.rawValue == 0,
            marked.contains(fork.parent.tgid)
        else { return nil }
        return TreeSeed(tgid: fork.child.tgid, cgroup: fork.cgroup_id)
    }

    private mutating func adopt(
        _ fixed: rec_exec, _ bytes: [UInt8], inTree: Bool, began: UInt64, procfs: Procfs
    ) -> ProcessEntry {
        let pid = fixed.image.tgid
        var flags = ProcessFlags(kernel: fixed.flags).union(.procFS)
        if inTree { flags.insert(.inInitTree) }
        let parent = fixed.parent.tgid == pid ? table[0] : table[fixed.parent.tgid]
        if parent == nil { flags.insert(.miss) }
        var (cwd, binary) = bytes.withUnsafeBytes { record in
            (try? ExecView(record)).map {
                (String(decoding: $0.cwd(), as: UTF8.self), String(decoding: $0.exe(), as: UTF8.self))
            } ?? ("", "")
        }
        var arguments = ""
        var environment: [UInt8]?
        if fixed.flags & REC_FLAG_KERNEL_THREAD.rawValue != 0 {
            cwd = "/"
            binary = "[\(procfs.name(of: pid) ?? "")]"
        } else if let forker = forker(fixed, binary: binary, parent) {
            arguments = forker.arguments
            environment = forker.environment?.memory
        } else {
            let limit = Int(REC_ARGS_MAX.rawValue)
            arguments = procfs.arguments(of: pid, limit: limit)?.withUnsafeBytes { CommandLineText.join($0) } ?? ""
            if detailSettings.environment {
                environment = procfs.environment(of: pid, limit: limit)
                if environment == nil { flags.insert(.environmentError) }
                if environment?.count == limit { flags.insert(.truncatedEnvironment) }
            }
        }
        let image = (environment ?? []).withUnsafeBytes { memory in
            makeImage(
                fixed, parent: parent, time: began, filename: binary, cwd: cwd, arguments: arguments,
                environment: environment == nil ? nil : memory, flags: flags, file: { binary }, vector: { [] })
        }
        let entry = ProcessEntry(key: fixed.image, parent: parent, content: .image(image))
        table[pid] = entry
        return entry
    }

    /// Whose program a found process still runs, if it has not executed one of its own. /proc is not asked for its
    /// arguments and environment then: it may execute a program meanwhile, and what is read would be that one's.
    ///
    /// The parent is whoever forked it, unless the process was handed on to another, which then runs something else.
    private mutating func forker(_ fixed: rec_exec, binary: String, _ parent: ProcessEntry?) -> ProcessImage? {
        guard fixed.flags & REC_FLAG_NO_EXEC.rawValue != 0, let parent, parent.key.tgid != 0,
            parent.key.exec_count == fixed.image.exec_count
        else { return nil }
        let image = image(of: parent)
        return image.binary == binary ? image : nil
    }

    /// A cgroup's name may give the container's id away; else the first process of a pid namespace, in a cgroup and a
    /// mount namespace of its own, is taken for a container's init and its cgroup's name for the id.
    private mutating func guessContainer(_ fixed: rec_exec, cgroupPaths: [UInt64: String]) {
        guard let path = cgroupPaths[fixed.cgroup_id] else { return }
        let namespaces = NamespaceKey(mount: fixed.ns.mnt, pid: fixed.ns.pid)
        if let present = registry.tree.container(above: fixed.cgroup_id) {
            // The container was known by its cgroup's name alone; its init tells its namespaces.
            if fixed.ns_pid == 1, fixed.ns_level == 1 { try? registry.register(present, namespaces: namespaces) }
            return
        }
        guard fixed.ns_pid == 1, fixed.ns_level == 1, fixed.ns.mnt != registry.host.mount,
            fixed.ns.pid != registry.host.pid,
            let name = path.split(separator: "/").last.map(String.init),
            !name.hasSuffix(".service"), !name.hasSuffix(".slice"),
            let identity = try? ContainerIdentity(id: name, cgroupsPath: path)
        else { return }
        let container = Container(
            identity: identity, source: .procfs, cgroup: fixed.cgroup_id, cgroupPath: path,
            initProcess: fixed.image.tgid)
        try? registry.register(container, namespaces: namespaces)
    }

    /// Which of the found processes belong to their container's own tree: its first process and what descends from it.
    ///
    /// The first is the init that the hook named; without a hook pid 1 of the container's pid namespace, and where the
    /// host's is shared, the oldest one whose parent is outside. What was injected and then reparented to the container's
    /// init cannot be told from its children.
    private func existingTrees(_ found: [rec_exec], except inits: [UInt32: Container]) -> [UInt32: UInt64] {
        var roots: [UInt64: rec_exec] = [:]
        var containerOf: [UInt32: UInt64] = [:]
        for task in found {
            if let container = registry.tree.container(above: task.cgroup_id) {
                containerOf[task.image.tgid] = container.cgroup
            }
        }
        for task in found {
            guard let container = containerOf[task.image.tgid], containerOf[task.parent.tgid] != container else {
                continue
            }
            if let known = registry.containers[container], known.isToldByHook, known.initProcess != nil {
                if isInit(task, of: known), inits[task.image.tgid] == nil { roots[container] = task }
                continue
            }
            let isInit = task.ns_pid == 1 && task.ns_level > 0
            if let other = roots[container], other.ns_pid == 1 && other.ns_level > 0 || !isInit { continue }
            roots[container] = task
        }
        var trees: [UInt32: UInt64] = [:]
        for task in found {
            guard let container = containerOf[task.image.tgid] else { continue }
            let isRoot = roots[container]?.image.tgid == task.image.tgid
            if isRoot || trees[task.parent.tgid] == container { trees[task.image.tgid] = container }
        }
        return trees
    }

    /// Time of every exec among the early records: by pid and exec count.
    private func execTimes(_ early: [[UInt8]]) -> [UInt32: [UInt32: UInt64]] {
        var times: [UInt32: [UInt32: UInt64]] = [:]
        for bytes in early {
            guard let fixed = bytes.withUnsafeBytes({ try? ExecView($0).fixed }),
                UInt32(fixed.head.type) == REC_EXEC.rawValue
            else { continue }
            times[fixed.image.tgid, default: [:]][fixed.image.exec_count] = fixed.head.time
        }
        return times
    }
}
