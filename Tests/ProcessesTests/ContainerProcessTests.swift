import CRecords
// SPDX-License-Identifier: Apache-2.0
import Containers
import Models
import Processes
import Testing

@Suite struct ContainerProcessTests {
    private var script = Script()
    private let inside = NamespaceKey(mount: 100, pid: 101)

    private mutating func register(
        _ id: String, cgroup: UInt64, namespaces: NamespaceKey?, initProcess: UInt32? = nil
    ) throws -> Container {
        let container = Container(
            identity: try ContainerIdentity(id: id, podName: "p", podNamespace: "ns"), source: .hook, cgroup: cgroup,
            initProcess: initProcess)
        try script.tracker.registry.register(container, namespaces: namespaces)
        return container
    }

    @Test mutating func `a process in a registered cgroup is the container's, and one beside it is not`() throws {
        let container = try register("web", cgroup: 50, namespaces: inside)
        script.exec(
            image(5), filename: "/a", flags: rec_flag(REC_FLAG_IN_TREE.rawValue), cgroup: 50, namespaces: inside)
        script.exec(image(6), filename: "/b", cgroup: 51)
        #expect(script.events[0].process.container === container)
        #expect(script.events[0].process.inInitTree)
        #expect(script.events[1].process.container == nil)
        #expect(!script.events[1].process.inInitTree)
    }

    @Test mutating func `a cgroup made inside a container's belongs to the container`() throws {
        let container = try register("web", cgroup: 50, namespaces: inside)
        script.cgroup(REC_CGROUP_CREATED, 51, parent: 50)
        script.cgroup(REC_CGROUP_CREATED, 52, parent: 51)
        script.exec(image(5), filename: "/a", cgroup: 52)
        #expect(script.events[0].process.container === container)
    }

    @Test mutating func `a container that runs, and one inside another, cannot be told of`() throws {
        try script.register("web", cgroup: 50)
        try script.register("web", cgroup: 50)
        script.cgroup(REC_CGROUP_CREATED, 51, parent: 50)
        #expect(throws: RegistrationError.self) { try script.register("inner", cgroup: 51) }
        let root = rec_flag(REC_FLAG_IN_TREE.rawValue | REC_FLAG_TREE_ROOT.rawValue)
        script.exec(image(5), filename: "/entrypoint", flags: root, cgroup: 50)
        #expect(throws: RegistrationError.self) { try script.register("web", cgroup: 50) }
        // The next one in a directory of its own is welcome.
        script.cgroup(REC_CGROUP_REMOVED, 50)
        try script.register("web", cgroup: 60)
    }

    @Test mutating func `a removed cgroup names nobody any more`() throws {
        _ = try register("web", cgroup: 50, namespaces: inside)
        script.cgroup(REC_CGROUP_REMOVED, 50)
        script.exec(image(5), filename: "/a", cgroup: 50, namespaces: inside)
        #expect(script.events[0].process.container == nil)
        #expect(script.tracker.registry.containers.isEmpty)
    }

    @Test mutating func `who enters a container's namespaces from outside its cgroup gets it, with a remark`() throws {
        let container = try register("web", cgroup: 50, namespaces: inside)
        script.exec(image(5), filename: "/a", cgroup: 1, namespaces: inside)
        #expect(script.events[0].process.container === container)
        #expect(script.events[0].process.containerKey == .namespaces)
        #expect(!script.events[0].process.inInitTree)
    }

    @Test mutating func `namespaces that two containers share name neither, until one goes`() throws {
        _ = try register("web", cgroup: 50, namespaces: inside)
        let other = try register("sidecar", cgroup: 60, namespaces: inside)
        script.exec(image(5), filename: "/a", cgroup: 1, namespaces: inside)
        #expect(script.events[0].process.container == nil)
        script.cgroup(REC_CGROUP_REMOVED, 50)
        script.exec(image(6), filename: "/a", cgroup: 1, namespaces: inside)
        #expect(script.events[1].process.container === other)
    }

    @Test mutating func `namespaces name a container until its init ends; then others get their numbers`() throws {
        let container = try register("web", cgroup: 50, namespaces: inside, initProcess: 5)
        script.exec(image(5), filename: "/entrypoint", cgroup: 50, namespaces: inside)
        script.exec(image(6), filename: "/child", cgroup: 50, namespaces: inside)
        script.exit(image(6), cgroup: 50)
        script.exec(image(7), filename: "/entered", cgroup: 1, namespaces: inside)
        #expect(script.events.last?.process.container === container)
        script.exit(image(5), cgroup: 50)
        #expect(script.events.last?.process.container === container)
        script.exec(image(8), filename: "/stranger", cgroup: 1, namespaces: inside)
        #expect(script.events.last?.process.container == nil)
        // The cgroup still is the container's.
        script.exec(image(9), filename: "/left", cgroup: 50, namespaces: inside)
        #expect(script.events.last?.process.container === container)
    }

    @Test mutating func `the host's own namespaces name no container`() throws {
        _ = try register("host-network", cgroup: 50, namespaces: Script.hostNamespaces)
        script.exec(image(5), filename: "/a", cgroup: 1, namespaces: Script.hostNamespaces)
        #expect(script.events[0].process.container == nil)
    }

    @Test mutating func `where cgroup and namespaces differ the cgroup wins`() throws {
        _ = try register("web", cgroup: 50, namespaces: inside)
        let other = try register("db", cgroup: 60, namespaces: NamespaceKey(mount: 200, pid: 201))
        script.exec(image(5), filename: "/a", cgroup: 60, namespaces: inside)
        #expect(script.events[0].process.container === other)
    }

    @Test mutating func `a cgroup has one container: the same twice is fine, another is refused`() throws {
        _ = try register("web", cgroup: 50, namespaces: inside)
        _ = try register("web", cgroup: 50, namespaces: inside)
        var registry = script.tracker.registry
        #expect(throws: RegistrationError.self) {
            try registry.register(
                Container(identity: try ContainerIdentity(id: "evil"), source: .hook, cgroup: 50), namespaces: nil)
        }
        script.exec(image(5), filename: "/a", cgroup: 1, namespaces: inside)
        #expect(script.events[0].process.container?.identity.id.text == "web")
    }

    // MARK: Before the agent

    private func adopt(
        _ tasks: [[UInt8]], early: [[UInt8]] = [], paths: [UInt64: String] = [:]
    ) -> (events: [ProcessEvent], seeds: ProcessTracker.Adopted) {
        var tracker = script.tracker
        var events: [ProcessEvent] = []
        let seeds = tracker.adopt(
            tasks: tasks, early: early, procfs: Procfs(root: "/nonexistent"), cgroupPaths: paths
        ) { events.append($0) }
        for record in early { record.withUnsafeBytes { tracker.apply($0) { events.append($0) } } }
        return (events, seeds)
    }

    @Test func `what the iterator and the ring both saw is one process with one exec_id`() {
        let task = Script.exec(image(7, execs: 1), parent: image(1), type: REC_TASK, exe: "a\0")
        let head = rec_head(size: 0, type: UInt16(REC_EXEC.rawValue), cpu: 0, seq: 1, time: 123_456_789)
        let exec = Script.exec(image(7, execs: 1), parent: image(1), head: head, filename: "/a")
        var fork = rec_fork()
        fork.head = rec_head(size: 0, type: UInt16(REC_FORK.rawValue), cpu: 0, seq: 2, time: 123_456_999)
        fork.child = image(8)
        fork.parent = image(7, execs: 1)
        let child = Script.exec(image(8), parent: image(7, execs: 1), type: REC_TASK, exe: "a\0")
        let (events, _) = adopt([task, child], early: [exec, withUnsafeBytes(of: fork) { Array($0) }])
        #expect(events.filter { $0.process.pid == 7 }.count == 1)
        #expect(events.last?.process.flags.hasPrefix("execve") == true)
        let told = events.first { $0.process.pid == 8 }
        #expect(told?.process.parentExecID == events.last?.process.execID)
    }

    @Test func `kernel threads are known and not told`() {
        let thread = Script.exec(
            image(2), parent: image(0), type: REC_TASK, flags: rec_flag(REC_FLAG_KERNEL_THREAD.rawValue))
        #expect(adopt([thread]).events.isEmpty)
    }

    @Test func `a container that was there is known by its cgroup's name, its tree from its init`() {
        let host = Script.exec(image(1), parent: image(0), type: REC_TASK, exe: "init\0")
        func task(_ pid: UInt32, parent: UInt32, nsPid: UInt32, start: UInt64? = nil) -> [UInt8] {
            Script.exec(image(pid), parent: image(parent), type: REC_TASK, exe: "a\0", cgroup: 70, namespaces: inside) {
                $0.ns_pid = nsPid
                $0.ns_level = 1
            }
        }
        let (events, seeds) = adopt(
            [host, task(20, parent: 1, nsPid: 1), task(21, parent: 20, nsPid: 7), task(22, parent: 1, nsPid: 9)],
            paths: [70: "/pods/my-container"])
        let byPid = Dictionary(uniqueKeysWithValues: events.map { ($0.process.pid, $0.process) })
        #expect(byPid[20]?.container?.identity.id.text == "my-container")
        #expect(byPid[20]?.container?.source == .procfs)
        #expect(byPid[20]?.inInitTree == true)
        #expect(byPid[21]?.inInitTree == true)
        // Its parent is outside: somebody entered.
        #expect(byPid[22]?.inInitTree == false)
        #expect(byPid[22]?.container != nil)
        #expect(Set(seeds.trees.map(\.tgid)) == [20, 21])
        #expect(seeds.inits.isEmpty)
    }

    @Test(arguments: [
        "no first process", "a namespace in a namespace", "the host's mounts", "the host's pids", "a service",
        "a slice",
    ])
    func `what is no container's init is not taken for one`(what: String) {
        var (path, namespaces) = ("/pods/my-container", inside)
        switch what {
        case "the host's mounts": namespaces = NamespaceKey(mount: Script.hostNamespaces.mount, pid: inside.pid)
        case "the host's pids": namespaces = NamespaceKey(mount: inside.mount, pid: Script.hostNamespaces.pid)
        case "a service": path = "/system.slice/a.service"
        case "a slice": path = "/a.slice"
        default: break
        }
        let task = Script.exec(
            image(20), parent: image(1), type: REC_TASK, exe: "a\0", cgroup: 70, namespaces: namespaces
        ) {
            $0.ns_pid = what == "no first process" ? 2 : 1
            $0.ns_level = what == "a namespace in a namespace" ? 2 : 1
        }
        let (events, seeds) = adopt([task], paths: [70: path])
        #expect(events.map(\.process.pid) == [20] && events.allSatisfy { $0.process.container == nil })
        #expect(seeds.trees.isEmpty)
    }

    /// With the host's pids its orphans come to the shim, as those do that the shim brings.
    @Test mutating func `who was there, with a parent outside, came nobody knows how`() throws {
        try restore()
        let shim = Script.exec(image(3), parent: image(1), type: REC_TASK, exe: "shim\0")
        let (events, _) = adopt([
            shim, task(image(20, execs: 2), parent: 1), task(image(22, execs: 1), parent: 3),
        ])
        #expect(events.first { $0.process.pid == 22 }?.process.origin == ExecOrigin(.unknown))
    }

    /// A container that an earlier agent was told of, its init being process 20, which had exec'd once by then.
    private mutating func restore(start: UInt64 = 2) throws {
        let identity = try ContainerIdentity(id: "web", name: "web", podName: "p", podNamespace: "ns")
        try script.tracker.registry.register(
            Container(
                identity: identity, source: .state, cgroup: 70, initProcess: 20, initStart: start, initExecs: 1),
            namespaces: nil)
    }

    private func task(_ process: rec_image, parent: UInt32) -> [UInt8] {
        Script.exec(process, parent: image(parent), type: REC_TASK, exe: "a\0", cgroup: 70, namespaces: inside) {
            $0.ns_pid = 9
        }
    }

    @Test mutating func `a container keeps its tree over a restart: what its init started, not the injected`() throws {
        try restore()
        let (events, seeds) = adopt([
            task(image(20, execs: 2), parent: 1), task(image(21), parent: 20), task(image(22), parent: 1),
        ])
        let byPid = Dictionary(uniqueKeysWithValues: events.map { ($0.process.pid, $0.process) })
        #expect([20, 21, 22].map { byPid[$0]?.inInitTree } == [true, true, false])
        #expect(byPid.values.allSatisfy { $0.container?.source == .state && $0.container?.identity.podName == "p" })
        #expect(Set(seeds.trees.map(\.tgid)) == [20, 21])
        #expect(seeds.inits.isEmpty)
    }

    /// Whoever tells of it now was not sent to set it up.
    @Test mutating func `a container that ran before the agent cannot be told of again`() throws {
        for (execs, isTaken) in [(UInt32(1), true), (2, false)] {
            script = Script()
            try restore()
            _ = script.tracker.adopt(
                tasks: [task(image(20, execs: execs), parent: 1)], early: [], procfs: Procfs(root: "/nonexistent"),
                cgroupPaths: [:]
            ) { _ in }
            let again = Container(
                identity: try ContainerIdentity(id: "web", name: "web", podName: "p", podNamespace: "ns"),
                source: .hook,
                cgroup: 70, initProcess: 20)
            var registry = script.tracker.registry
            if isTaken {
                #expect(throws: Never.self) { try registry.register(again, namespaces: nil) }
            } else {
                #expect(throws: RegistrationError.self) { try registry.register(again, namespaces: nil) }
            }
        }
    }

    @Test mutating func `an init that has not begun its program is waited for again`() throws {
        try restore()
        let (events, seeds) = adopt([task(image(20, execs: 1), parent: 1)])
        #expect(events.first?.process.inInitTree == false)
        #expect(events.first?.process.origin == ExecOrigin(.runtimeSetup))
        #expect(seeds.trees.isEmpty)
        #expect(seeds.inits.map(\.tgid) == [20])
    }

    @Test mutating func `an init that begins while the agent does is of its tree all the same`() throws {
        try restore()
        _ = script.tracker.adopt(
            tasks: [task(image(20, execs: 1), parent: 1)], early: [], procfs: Procfs(root: "/nonexistent"),
            cgroupPaths: [:]
        ) { _ in }
        script.exec(image(20, execs: 2), filename: "/bin/web", cgroup: 70, namespaces: inside)
        #expect(script.events.last?.process.inInitTree == true)
        #expect(script.tracker.takeLateTrees().map(\.tgid) == [20])
        #expect(script.tracker.takeLateTrees().isEmpty)
    }

    @Test mutating func `an init that begins elsewhere than in its container begins no tree`() throws {
        try restore()
        _ = script.tracker.adopt(
            tasks: [task(image(20, execs: 1), parent: 1)], early: [], procfs: Procfs(root: "/nonexistent"),
            cgroupPaths: [:]
        ) { _ in }
        script.exec(image(20, execs: 2), filename: "/bin/web", cgroup: 1, namespaces: inside)
        #expect(script.events.last?.process.inInitTree == false && !script.tracker.hasLateTrees)
    }

    @Test(arguments: [true, false])
    mutating func `whoever gets the pid of an init that never began is in no tree`(isExitSeen: Bool) throws {
        try restore()
        _ = script.tracker.adopt(
            tasks: [task(image(20, execs: 1), parent: 1)], early: [], procfs: Procfs(root: "/nonexistent"),
            cgroupPaths: [:]
        ) { _ in }
        if isExitSeen { script.exit(image(20, execs: 1), cgroup: 70) }
        let other = rec_image(start: 9_000_000_000, tgid: 20, exec_count: 1)
        script.exec(other, filename: "/bin/a", cgroup: isExitSeen ? 1 : 70)
        #expect(script.events.last?.process.inInitTree == false)
        #expect(!script.tracker.hasLateTrees)
    }

    @Test mutating func `another process with the init's pid is not the init`() throws {
        try restore(start: 7)
        let (events, seeds) = adopt([task(image(20, execs: 1), parent: 1)])
        #expect(events.first?.process.inInitTree == false)
        #expect(seeds.trees.isEmpty && seeds.inits.isEmpty)
    }
}
