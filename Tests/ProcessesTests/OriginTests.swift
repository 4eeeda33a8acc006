// SPDX-License-Identifier: Apache-2.0
import CRecords
import Containers
import Models
import Processes
import Testing

/// How a process came to be in its container, as it follows from who started it.
@Suite struct OriginTests {
    private static let inside = NamespaceKey(mount: 20, pid: 21)
    private let runc = image(50, execs: 1)
    private var script = Script()

    /// A container whose init runs, with a readiness probe and a hook before its stop.
    init() throws {
        script.cgroup(REC_CGROUP_CREATED, 7)
        try script.register("c0ffee", cgroup: 7)
        script.tracker.registry.apply(
            .applied(
                Pod(
                    name: "p", namespace: "ns", uids: ["u"],
                    containers: [
                        PodContainer(
                            name: "web",
                            commands: [
                                PodCommand(kind: .readiness, arguments: ["/bin/cat", "/ready"]),
                                PodCommand(kind: .preStop, arguments: ["sync", "-f"]),
                            ])
                    ])))
        script.exec(image(40, execs: 2), filename: "/bin/web", flags: inTree, cgroup: 7, namespaces: Self.inside)
        // `runc exec` and the init that it sends into the container.
        script.exec(runc, filename: "/usr/sbin/runc", arguments: ["runc", "exec", "c0ffee"])
        script.fork(image(51), from: runc)
        script.exec(image(51, execs: 1), parent: runc, filename: "/proc/self/exe", arguments: ["runc", "init"])
        script.fork(image(52), from: image(51, execs: 1), cgroup: 7)
    }

    private let inTree = rec_flag(REC_FLAG_IN_TREE.rawValue)

    /// The program that a runtime's exec was asked for.
    private mutating func runtimeExec(
        _ filename: String, _ arguments: [String], tty: UInt64 = 0
    ) throws -> ProcessImage {
        script.exec(
            image(52, execs: 1), filename: filename, arguments: arguments, cgroup: 7, namespaces: Self.inside,
            edit: { $0.tty = tty })
        return try #require(script.events.last?.process)
    }

    @Test mutating func `what the container's own processes start is of its tree`() throws {
        script.fork(image(41), from: image(40, execs: 2), cgroup: 7, flags: inTree)
        script.exec(
            image(41, execs: 1), filename: "/bin/cat", arguments: ["/bin/cat", "/ready"], flags: inTree, cgroup: 7,
            namespaces: Self.inside)
        let process = try #require(script.events.last?.process)
        #expect(process.origin == ExecOrigin(.initTree))
        #expect(!process.maybeExecProbe)
    }

    @Test mutating func `an exec by the runtime is told apart from one with a terminal`() throws {
        #expect(try runtimeExec("/bin/sh", ["sh"]).origin == ExecOrigin(.runtimeExec))
        script.fork(image(53), from: image(51, execs: 1), cgroup: 7)
        script.exec(
            image(53, execs: 1), filename: "/bin/sh", arguments: ["sh"], cgroup: 7, namespaces: Self.inside,
            edit: { $0.tty = 136 << 20 })
        #expect(script.events.last?.process.origin == ExecOrigin(.runtimeExecTTY))
    }

    @Test mutating func `a probe's command by the runtime may be the probe`() throws {
        let process = try runtimeExec("/bin/cat", ["/bin/cat", "/ready"])
        #expect(process.maybeExecProbe)
        // Not surely: kubectl exec without a terminal looks the same in this engine.
        #expect(process.origin == ExecOrigin(.unknown, command: .readiness))
    }

    @Test mutating func `a probe's command typed at a terminal is none`() throws {
        let process = try runtimeExec("/bin/cat", ["/bin/cat", "/ready"], tty: 136 << 20)
        #expect(!process.maybeExecProbe)
        #expect(process.origin == ExecOrigin(.runtimeExecTTY))
    }

    @Test(arguments: [
        ["/bin/cat"], ["/bin/cat", "/ready", ""], ["/bin/cat", "/re", "ady"], ["/bin/cat /ready"],
        ["cat", "/ready"], [], ["/bin/cat", "/Ready"], ["/bin/cat", "/bin/cat", "/other"],
        ["/bin/sh", "/bin/other", "/ready"],
    ])
    mutating func `another vector is no probe`(vector: [String]) throws {
        let process = try runtimeExec("/bin/cat", vector)
        #expect(!process.maybeExecProbe)
        #expect(process.origin == ExecOrigin(.runtimeExec))
    }

    @Test mutating func `another binary with a probe's vector is no probe`() throws {
        #expect(try !runtimeExec("/tmp/cat", ["/bin/cat", "/ready"]).maybeExecProbe)
        script.fork(image(53), from: image(51, execs: 1), cgroup: 7)
        // A name is a whole one.
        script.exec(
            image(53, execs: 1), filename: "/usr/bin/nosync", arguments: ["sync", "-f"], cgroup: 7,
            namespaces: Self.inside)
        #expect(script.events.last?.process.origin == ExecOrigin(.runtimeExec))
    }

    @Test mutating func `a probe's vector whose end was lost is no probe`() throws {
        script.exec(
            image(52, execs: 1), filename: "/bin/cat", arguments: ["/bin/cat", "/ready"], cgroup: 7,
            namespaces: Self.inside, argumentsTotal: 40)
        script.quiet()
        let process = try #require(script.events.last?.process)
        #expect(process.pid == 52 && !process.maybeExecProbe && process.origin == ExecOrigin(.runtimeExec))
    }

    @Test mutating func `a script that is a probe has its interpreter before its vector`() throws {
        #expect(try runtimeExec("/bin/cat", ["/bin/sh", "/bin/cat", "/ready"]).maybeExecProbe)
    }

    private mutating func set(_ commands: [PodCommand]) {
        let pod = Pod(
            name: "p", namespace: "ns", uids: ["u"], containers: [PodContainer(name: "web", commands: commands)])
        script.tracker.registry.apply(.applied(pod))
    }

    /// To execve they are different, though they look the same.
    @Test mutating func `a letter spelt otherwise is another vector`() throws {
        set([PodCommand(kind: .readiness, arguments: ["/bin/cat", "/caf\u{e9}"])])
        #expect(try !runtimeExec("/bin/cat", ["/bin/cat", "/cafe\u{301}"]).maybeExecProbe)
    }

    @Test mutating func `of a hook and a probe with one command the probe is told`() throws {
        let command = ["/bin/cat", "/ready"]
        set([PodCommand(kind: .preStop, arguments: command), PodCommand(kind: .liveness, arguments: command)])
        let process = try runtimeExec("/bin/cat", command)
        #expect(process.maybeExecProbe && process.origin == ExecOrigin(.unknown, command: .liveness))
    }

    @Test(arguments: [("/dev/fd/5", UInt64(0)), ("/memfd:runc", 9), ("/proc/self/fd/5", 0)])
    mutating func `a runtime that executes itself from elsewhere is the runtime still`(path: String, inode: UInt64)
        throws
    {
        script.exec(image(50, execs: 2), filename: path) { $0.file.inode = inode }
        script.fork(image(53), from: image(50, execs: 2), cgroup: 7)
        script.exec(image(53, execs: 1), filename: "/bin/sh", cgroup: 7, namespaces: Self.inside)
        #expect(script.events.last?.process.origin == ExecOrigin(.runtimeExec))
    }

    @Test mutating func `a lifecycle hook is no probe, and found by its name in any directory`() throws {
        let process = try runtimeExec("/usr/bin/sync", ["sync", "-f"])
        #expect(!process.maybeExecProbe)
        #expect(process.origin == ExecOrigin(.unknown, command: .preStop))
    }

    @Test mutating func `what an exec starts is of that exec, whatever it is`() throws {
        _ = try runtimeExec("/bin/cat", ["/bin/cat", "/ready"])
        script.fork(image(54), from: image(52, execs: 1), cgroup: 7)
        script.exec(
            image(54, execs: 1), filename: "/bin/cat", arguments: ["/bin/cat", "/ready"], cgroup: 7,
            namespaces: Self.inside)
        let child = try #require(script.events.last?.process)
        #expect(child.origin == ExecOrigin(.unknown, command: .readiness))
        #expect(!child.maybeExecProbe)
        script.exit(image(54, execs: 1), cgroup: 7)
        #expect(script.events.last?.process.origin == child.origin)
        // One that only forks runs the probe's own program.
        script.fork(image(55), from: image(52, execs: 1), cgroup: 7)
        script.exit(image(55), cgroup: 7)
        #expect(script.events.last?.process.maybeExecProbe == true)
    }

    /// What the kernel does not hold to be of the tree is not made so by who started it.
    @Test mutating func `a child of the tree that is not in it is not guessed`() throws {
        script.fork(image(42), from: image(40, execs: 2), cgroup: 7)
        script.exec(image(42, execs: 1), filename: "/bin/sh", cgroup: 7, namespaces: Self.inside)
        #expect(script.events.last?.process.origin == ExecOrigin(.unknown))
    }

    @Test mutating func `the runtime's own program on its way is set-up; a name inside makes none`() throws {
        script.exit(image(52), cgroup: 7)
        #expect(script.events.last?.process.origin == ExecOrigin(.runtimeSetup))
        script.fork(image(53), from: image(51, execs: 1), cgroup: 7)
        // In the container's mount namespace the runtime's name and its trick are the image's.
        script.exec(
            image(53, execs: 1), filename: "/proc/self/exe", arguments: ["runc", "init"], cgroup: 7,
            namespaces: Self.inside)
        #expect(script.events.last?.process.origin == ExecOrigin(.runtimeExec))
        script.exec(
            image(53, execs: 2), filename: "/usr/sbin/runc", arguments: ["runc", "init"], cgroup: 7,
            namespaces: Self.inside)
        #expect(script.events.last?.process.origin == ExecOrigin(.runtimeExec))
    }

    @Test(arguments: [UInt32(0), 1])
    mutating func `a container that nobody has told of yet cannot pass for the runtime`(pidNamespaceLevel: UInt32)
        throws
    {
        let id = String(repeating: "a1", count: 32)
        script.cgroup(REC_CGROUP_CREATED, 9, name: id)
        script.fork(image(100), from: image(51, execs: 1), cgroup: 9)
        script.exec(image(100, execs: 1), filename: "/bin/runc", cgroup: 9, namespaces: Self.inside) {
            $0.ns_level = pidNamespaceLevel
        }
        script.fork(image(101), from: image(100, execs: 1), cgroup: 9)
        script.exec(
            image(101, execs: 1), filename: "/bin/cat", arguments: ["/bin/cat", "/ready"], cgroup: 9,
            namespaces: Self.inside
        ) { $0.ns_level = pidNamespaceLevel }
        let container = Container(
            identity: try ContainerIdentity(id: id, name: "web", podName: "p", podNamespace: "ns"), source: .runtime,
            cgroup: 9, initProcess: 100)
        guard case .new = script.tracker.registry.learn(container) else {
            Issue.record("it was known")
            return
        }
        script.release(9)
        let own = script.events.filter { $0.process.container === container }.map(\.process)
        #expect(own.map(\.pid) == [100, 101])
        #expect(own.allSatisfy { $0.origin == ExecOrigin(.initTree) && !$0.maybeExecProbe && !$0.isSetUp })
    }

    @Test mutating func `who enters from the host without a runtime is told apart`() throws {
        script.exec(image(60, execs: 1), filename: "/usr/bin/nsenter")
        #expect(script.events.last?.process.origin == ExecOrigin(.host))
        script.fork(image(61), from: image(60, execs: 1), cgroup: 7)
        script.exec(
            image(61, execs: 1), filename: "/bin/cat", arguments: ["/bin/cat", "/ready"], cgroup: 7,
            namespaces: Self.inside)
        let process = try #require(script.events.last?.process)
        #expect(process.origin == ExecOrigin(.namespaceEntry))
        #expect(!process.maybeExecProbe)
    }

    /// Its cgroup is the host's: no runtime's exec, whoever it comes from.
    @Test mutating func `who enters the namespaces alone is told apart, a runtime too`() throws {
        let container = Container(
            identity: try ContainerIdentity(id: "beef", name: "web", podName: "p", podNamespace: "ns"), source: .hook,
            cgroup: 8)
        script.cgroup(REC_CGROUP_CREATED, 8)
        try script.tracker.registry.register(container, namespaces: NamespaceKey(mount: 30, pid: 31))
        script.tracker.registry.start(container)
        script.fork(image(53), from: image(51, execs: 1))
        script.exec(
            image(53, execs: 1), filename: "/bin/cat", arguments: ["/bin/cat", "/ready"],
            namespaces: NamespaceKey(mount: 30, pid: 31))
        let process = try #require(script.events.last?.process)
        #expect(process.container === container && process.origin == ExecOrigin(.namespaceEntry))
        #expect(!process.maybeExecProbe)
    }

    /// In a pid namespace of its own, in a cgroup that is no container's.
    @Test(arguments: [(UInt32(0), ExecOrigin.Kind.runtimeExec), (1, .namespaceEntry)])
    mutating func `a runtime's name in a pid namespace makes no runtime`(level: UInt32, kind: ExecOrigin.Kind) throws {
        script.exec(image(60, execs: 1), filename: "/usr/sbin/runc") { $0.ns_level = level }
        script.fork(image(61), from: image(60, execs: 1), cgroup: 7)
        script.exec(image(61, execs: 1), filename: "/bin/sh", cgroup: 7, namespaces: Self.inside)
        #expect(script.events.last?.process.origin == ExecOrigin(kind))
    }

    @Test mutating func `who comes from nowhere is not guessed`() throws {
        script.exec(
            image(70, execs: 1), parent: image(69), filename: "/bin/sh", cgroup: 7, namespaces: Self.inside)
        #expect(script.events.last?.process.origin == ExecOrigin(.unknown))
    }

    @Test mutating func `in CRI-O the kubelet's exec comes by a monitor, and nobody else's does`() throws {
        script.cgroup(REC_CGROUP_CREATED, 8)
        let identity = try ContainerIdentity(
            id: "beef", name: "web", runtime: "cri-o", podName: "p", podNamespace: "ns")
        let container = Container(identity: identity, source: .hook, cgroup: 8)
        try script.tracker.registry.register(container, namespaces: nil)
        script.tracker.registry.start(container)

        script.exec(image(80, execs: 1), filename: "/usr/bin/conmon")
        func exec(
            _ pid: UInt32, by parent: rec_image, _ script: inout Script, _ binary: String = "/bin/cat",
            _ command: [String] = ["/bin/cat", "/ready"]
        ) throws -> ExecOrigin {
            script.fork(image(pid), from: parent)
            script.exec(image(pid, execs: 1), filename: "/usr/bin/runc")
            script.fork(image(pid + 1), from: image(pid, execs: 1), cgroup: 8)
            script.exec(
                image(pid + 1, execs: 1), filename: binary, arguments: command, cgroup: 8, namespaces: Self.inside)
            return try #require(script.events.last?.process.origin)
        }
        #expect(try exec(81, by: image(80, execs: 1), &script) == ExecOrigin(.execProbe, command: .readiness))
        #expect(
            try exec(84, by: image(80, execs: 1), &script, "/usr/bin/sync", ["sync", "-f"])
                == ExecOrigin(.lifecycleHook, command: .preStop))
        #expect(try exec(90, by: Script.init1, &script) == ExecOrigin(.unknown, command: .readiness))
        // Another engine's monitor runs whatever it is asked for.
        script.fork(image(95), from: image(80, execs: 1))
        script.exec(image(95, execs: 1), filename: "/usr/bin/runc")
        script.fork(image(96), from: image(95, execs: 1), cgroup: 7)
        script.exec(
            image(96, execs: 1), filename: "/bin/cat", arguments: ["/bin/cat", "/ready"], cgroup: 7,
            namespaces: Self.inside)
        #expect(script.events.last?.process.origin == ExecOrigin(.unknown, command: .readiness))
    }
}
