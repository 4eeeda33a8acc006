// SPDX-License-Identifier: Apache-2.0
import Containers
import Glibc
import Models
import Testing

/// A procfs of a few files: what the kernel would say of each process.
private final class Processes: Sendable {
    let root: String

    init() {
        var template = Array("/tmp/apus-procfs.XXXXXX".utf8CString)
        root = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit {
        for pid in ["1", "10", "20", "30", "40", "\(getpid())"] {
            for file in ["stat", "cgroup", "root", "ns/pid", "ns/user"] { remove("\(pid)/\(file)") }
            for directory in ["/ns", ""] { rmdir("\(root)/\(pid)\(directory)") }
        }
        rmdir(root)
    }

    /// - Parameters:
    ///   - namespace: the number of its pid and user namespaces, or of those in `kinds`; the host's is 1.
    ///   - rootDirectory: what it sees as its root.
    func add(
        _ pid: UInt32, parent: UInt32, cgroup: String, name: String = "x", state: String = "S", namespace: Int = 1,
        kinds: Set<String> = ["pid", "user"], start: UInt64 = 7, rootDirectory: String = "/"
    ) {
        for directory in ["", "/ns"] { mkdir("\(root)/\(pid)\(directory)", 0o755) }
        for kind in ["pid", "user"] {
            symlink("\(kind):[\(kinds.contains(kind) ? namespace : 1)]", "\(root)/\(pid)/ns/\(kind)")
        }
        symlink(rootDirectory, "\(root)/\(pid)/root")
        write(
            "\(pid) (\(name)) \(state) \(parent) \(pid) \(pid) 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 \(start)",
            to: "\(pid)/stat")
        write("0::\(cgroup)\n", to: "\(pid)/cgroup")
    }

    /// Hides a file of a process, as the kernel does where it may not be looked at.
    func remove(_ path: String) { unlink("\(root)/\(path)") }

    private func write(_ text: String, to path: String) {
        guard let file = fopen("\(root)/\(path)", "w") else { return }
        fputs(text, file)
        fclose(file)
    }
}

extension HookCaller {
    /// One that lives on.
    fileprivate init(pid: UInt32, uid: UInt32) { self.init(pid: pid, uid: uid) { true } }
}

@Suite struct RegistrationResolverTests {
    private let processes = Processes()
    private let hierarchy: CgroupHierarchy
    private let resolver: RegistrationResolver

    init() throws {
        hierarchy = try CgroupHierarchy.detect(procfs: Procfs())
        processes.add(1, parent: 0, cgroup: "/")
        // The ids are real, so the paths must be: directories of the machine's own hierarchy.
        resolver = RegistrationResolver(
            procfs: Procfs(root: processes.root),
            hierarchy: CgroupHierarchy(root: hierarchy.root, controller: nil, number: 0))
    }

    private func identity(_ stage: HookStage, cgroupsPath: String = "") throws -> ContainerIdentity {
        try ContainerIdentity(id: "web", cgroupsPath: cgroupsPath, stage: stage)
    }

    private func refusal(
        _ stage: HookStage, statePid: UInt32, pid: UInt32, uid: UInt32 = 0
    ) throws -> RegistrationError? {
        let identity = try identity(stage)
        return #expect(throws: RegistrationError.self) {
            try resolver.resolve(identity, statePid: statePid, caller: HookCaller(pid: pid, uid: uid))
        }
    }

    private func withCgroup(_ body: (String) throws -> Void) throws {
        let path = "/apus-resolver-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try #require(mkdir(hierarchy.root + path, 0o755) == 0, "cannot make a cgroup below \(hierarchy.root)")
        defer { rmdir(hierarchy.root + path) }
        try body(path)
    }

    @Test func `in createContainer the caller's parent is the init, whatever the state says`() throws {
        try withCgroup { path in
            processes.add(10, parent: 1, cgroup: "/")
            processes.add(20, parent: 10, cgroup: path, name: "a) S 99 (b")
            processes.add(30, parent: 20, cgroup: path)
            let registration = try resolver.resolve(
                try identity(.createContainer), statePid: 10, caller: HookCaller(pid: 30, uid: 1000))
            #expect(registration.initProcess == 20)
            #expect(registration.cgroupPath == path)
            #expect(registration.cgroup == hierarchy.id(ofPath: path))
        }
    }

    @Test func `in createRuntime the state names the init, and the kernel its cgroup`() throws {
        try withCgroup { path in
            processes.add(10, parent: 1, cgroup: "/")
            processes.add(20, parent: 10, cgroup: path)
            processes.add(30, parent: 10, cgroup: "/")
            let registration = try resolver.resolve(
                try identity(.createRuntime, cgroupsPath: path), statePid: 20, caller: HookCaller(pid: 30, uid: 0))
            #expect(registration.initProcess == 20)
            #expect(registration.cgroupPath == path)
        }
    }

    @Test func `in createRuntime nobody but root is believed`() throws {
        processes.add(10, parent: 1, cgroup: "/")
        processes.add(20, parent: 10, cgroup: "/x")
        processes.add(30, parent: 10, cgroup: "/")
        #expect(try refusal(.createRuntime, statePid: 20, pid: 30, uid: 1000)?.code == .denied)
    }

    @Test func `in createRuntime another's child is no container's init`() throws {
        processes.add(10, parent: 1, cgroup: "/")
        processes.add(20, parent: 40, cgroup: "/x")
        processes.add(30, parent: 10, cgroup: "/")
        #expect(try refusal(.createRuntime, statePid: 20, pid: 30)?.code == .denied)
    }

    /// Root of a privileged container that reaches the socket, and that is its own little runtime.
    @Test(arguments: [UInt32(10), 30])
    func `in createRuntime nobody in namespaces of its own is believed`(stranger: UInt32) throws {
        processes.add(20, parent: 10, cgroup: "/x", namespace: 2)
        for (pid, parent) in [(UInt32(10), UInt32(1)), (30, 10)] {
            processes.add(pid, parent: parent, cgroup: "/", namespace: pid == stranger ? 2 : 1)
        }
        let error = try refusal(.createRuntime, statePid: 20, pid: 30)
        #expect(error?.code == .denied && error?.message.contains("process \(stranger) is not in the host's") == true)
    }

    @Test(arguments: ["pid", "user"])
    func `in createRuntime one namespace of its own is enough not to be believed`(kind: String) throws {
        processes.add(10, parent: 1, cgroup: "/")
        processes.add(20, parent: 10, cgroup: "/x", namespace: 2)
        processes.add(30, parent: 10, cgroup: "/", namespace: 2, kinds: [kind])
        let error = try refusal(.createRuntime, statePid: 20, pid: 30)
        #expect(error?.code == .denied && error?.message.contains("process 30 is not in the host's") == true)
    }

    @Test func `where the host's namespaces cannot be seen nobody is taken for the host's`() throws {
        for file in ["1/ns/pid", "1/ns/user"] { processes.remove(file) }
        let blind = RegistrationResolver(procfs: resolver.procfs, hierarchy: resolver.hierarchy)
        addContainer(.createRuntime, cgroup: "/x")
        for pid in [10, 20, 30] { for kind in ["pid", "user"] { processes.remove("\(pid)/ns/\(kind)") } }
        let identity = try identity(.createRuntime)
        let error = #expect(throws: RegistrationError.self) {
            try blind.resolve(identity, statePid: 20, caller: HookCaller(pid: 30, uid: 0))
        }
        #expect(error?.code == .denied && error?.message.contains("is not in the host's") == true)
    }

    /// Its runtime has ended, and pid 1 is everybody's parent sooner or later.
    @Test func `a hook that was left to pid 1 speaks for nobody`() throws {
        try withCgroup { path in
            addContainer(.createRuntime, cgroup: path)
            processes.add(20, parent: 1, cgroup: path)
            processes.add(30, parent: 1, cgroup: "/")
            #expect(refusal(.createRuntime)?.code == .unavailable)
        }
    }

    @Test(arguments: [HookStage.createRuntime, .createContainer])
    func `an init that has ended is none`(stage: HookStage) throws {
        try withCgroup { path in
            addContainer(stage, cgroup: path)
            processes.add(20, parent: 10, cgroup: path, state: "Z")
            let error = refusal(stage)
            #expect(error?.code == .unavailable && error?.message.contains("the init of container") == true)
        }
    }

    @Test(arguments: [UInt32(0), 1])
    func `in createRuntime a state without a process is refused`(pid: UInt32) throws {
        processes.add(30, parent: 10, cgroup: "/")
        #expect(try refusal(.createRuntime, statePid: pid, pid: 30)?.code == .invalid)
    }

    @Test func `a caller that is gone is no one`() throws {
        #expect(try refusal(.createContainer, statePid: 1, pid: 30)?.code == .unavailable)
    }

    @Test func `an init in the root of the hierarchy has no cgroup to be known by`() throws {
        processes.add(10, parent: 1, cgroup: "/")
        processes.add(20, parent: 10, cgroup: "/")
        processes.add(30, parent: 20, cgroup: "/")
        #expect(try refusal(.createContainer, statePid: 0, pid: 30)?.code == .denied)
    }

    /// What holds everything is nobody's, wherever the runtime is.
    @Test(arguments: ["/", "/elsewhere"])
    func `an init in the root is refused whoever tells of it`(runtime: String) throws {
        processes.add(10, parent: 1, cgroup: runtime)
        processes.add(20, parent: 10, cgroup: "/")
        processes.add(30, parent: 10, cgroup: runtime)
        let error = try refusal(.createRuntime, statePid: 20, pid: 30)
        #expect(error?.code == .denied && error?.message.contains("no cgroup of its own") == true)
    }

    @Test func `the claimed directory counts where the init is one deeper`() throws {
        try withCgroup { path in
            let inner = path + "/container"
            try #require(mkdir(hierarchy.root + inner, 0o755) == 0)
            defer { rmdir(hierarchy.root + inner) }
            processes.add(10, parent: 1, cgroup: "/")
            processes.add(20, parent: 10, cgroup: inner)
            processes.add(30, parent: 20, cgroup: inner)
            let caller = HookCaller(pid: 30, uid: 0)
            let claimed = try resolver.resolve(
                try identity(.createContainer, cgroupsPath: path), statePid: 0, caller: caller)
            #expect(claimed.cgroupPath == path && claimed.initPath == inner)
            #expect(claimed.cgroup == hierarchy.id(ofPath: path))
            #expect(claimed.initCgroup == hierarchy.id(ofPath: inner))
            let unclaimed = try resolver.resolve(try identity(.createContainer), statePid: 0, caller: caller)
            #expect(unclaimed.cgroupPath == inner)
        }
    }

    private func withDirectories(_ names: [String], below path: String, _ body: (String) throws -> Void) throws {
        var made: [String] = []
        defer { for path in made.reversed() { rmdir(hierarchy.root + path) } }
        for name in names {
            made.append((made.last ?? path) + "/" + name)
            try #require(mkdir(hierarchy.root + made[made.count - 1], 0o755) == 0)
        }
        try body(made.last ?? path)
    }

    @Test(arguments: [["a.slice", "web"], ["a.service", "web"]])
    func `a claimed directory that holds others too is not the container's`(names: [String]) throws {
        try withCgroup { path in
            try withDirectories(names, below: path) { inner in
                addContainer(.createContainer, cgroup: inner)
                let registration = try resolve(.createContainer, cgroupsPath: "\(path)/\(names[0])")
                #expect(registration.cgroupPath == inner && registration.cgroup == registration.initCgroup)
            }
        }
    }

    @Test func `a claimed directory that is further up is not the container's`() throws {
        try withCgroup { path in
            try withDirectories(["web", "web", "x"], below: path) { inner in
                addContainer(.createContainer, cgroup: inner)
                let registration = try resolve(.createContainer, cgroupsPath: path + "/web")
                #expect(registration.cgroupPath == inner)
                // The name has to be where the container is, not anywhere on the way.
                let name = path.dropFirst()
                #expect(refusal(.createContainer, cgroupsPath: "/elsewhere/\(name)")?.code == .denied)
            }
        }
    }

    @Test func `the directories above a container are the kernel's, and of a bounded number`() throws {
        try withCgroup { path in
            let names = (0..<70).map { "d\($0)" }
            try withDirectories(names, below: path) { inner in
                addContainer(.createContainer, cgroup: inner)
                let ancestors = try resolve(.createContainer).ancestors
                #expect(ancestors.count == 64 && ancestors.first == hierarchy.id(ofPath: path))
                #expect(ancestors.dropFirst().first == hierarchy.id(ofPath: path + "/d0"))
            }
        }
    }

    /// The records that would say so have not come yet.
    @Test func `a container in one that a hook told of is refused by the directories above it`() throws {
        try withCgroup { path in
            try withDirectories(["inner"], below: path) { inner in
                addContainer(.createContainer, cgroup: inner)
                let registration = try resolve(.createContainer)
                var registry = ContainerRegistry(host: NamespaceKey(mount: 1, pid: 1))
                try registry.admit(registration)
                let outer = try #require(hierarchy.id(ofPath: path))
                try registry.register(
                    Container(identity: try ContainerIdentity(id: "outer"), source: .hook, cgroup: outer),
                    namespaces: nil)
                let error = #expect(throws: RegistrationError.self) { try registry.admit(registration) }
                #expect(error?.code == .denied && error?.message.contains("lies in container outer") == true)
            }
        }
    }

    // MARK: What the request says against what the kernel shows

    /// A container's processes as they are when its hook is called: 10 the runtime, 20 the init, 30 the hook.
    private func addContainer(_ stage: HookStage, cgroup: String) {
        processes.add(10, parent: 1, cgroup: "/")
        processes.add(20, parent: 10, cgroup: cgroup)
        processes.add(30, parent: stage == .createRuntime ? 10 : 20, cgroup: stage == .createRuntime ? "/" : cgroup)
    }

    private func resolve(
        _ stage: HookStage, cgroupsPath: String = "", isRunning: @escaping @Sendable () -> Bool = { true }
    ) throws -> Registration {
        try resolver.resolve(
            try identity(stage, cgroupsPath: cgroupsPath), statePid: 20,
            caller: HookCaller(pid: 30, uid: 0, isRunning: isRunning))
    }

    private func refusal(
        _ stage: HookStage, cgroupsPath: String = "", isRunning: @escaping @Sendable () -> Bool = { true }
    ) -> RegistrationError? {
        do {
            _ = try resolve(stage, cgroupsPath: cgroupsPath, isRunning: isRunning)
            return nil
        } catch {
            return error as? RegistrationError
        }
    }

    @Test(arguments: [HookStage.createRuntime, .createContainer])
    func `a claim of another cgroup is refused, one that may have led here is not`(stage: HookStage) throws {
        try withCgroup { path in
            addContainer(stage, cgroup: path)
            for claim in ["", "/", path, path + "/", "/./\(path)", "/elsewhere" + path] {
                #expect(refusal(stage, cgroupsPath: claim) == nil, "\(claim)")
            }
            for claim in ["/a/lie", path + "/below", path + "x", "/x" + path.dropFirst()] {
                let error = refusal(stage, cgroupsPath: claim)
                #expect(error?.code == .denied && error?.message.contains("is said to be in") == true, "\(claim)")
            }
        }
    }

    @Test func `systemd's form as a directory's name is what it names`() throws {
        let name = "apus-resolver.slice:runc:\(getpid())"
        try #require(mkdir("\(hierarchy.root)/\(name)", 0o755) == 0)
        defer { rmdir("\(hierarchy.root)/\(name)") }
        addContainer(.createRuntime, cgroup: "/" + name)
        #expect(refusal(.createRuntime, cgroupsPath: name) == nil)
        #expect(refusal(.createRuntime, cgroupsPath: "apus-resolver.slice:runc:other")?.code == .denied)
    }

    // MARK: Numbers that become another's

    @Test(arguments: [HookStage.createRuntime, .createContainer])
    func `a caller that is gone by the end of the look is not believed`(stage: HookStage) throws {
        try withCgroup { path in
            addContainer(stage, cgroup: path)
            #expect(refusal(stage) == nil)
            #expect(refusal(stage) { false }?.code == .unavailable)
        }
    }

    @Test(arguments: [HookStage.createRuntime, .createContainer])
    func `an init whose number becomes another's during the look is not believed`(stage: HookStage) throws {
        try withCgroup { path in
            addContainer(stage, cgroup: path)
            let error = refusal(stage) { [processes] in
                processes.add(20, parent: 10, cgroup: path, start: 8)
                return true
            }
            #expect(error?.code == .unavailable)
        }
    }

    @Test(arguments: [HookStage.createRuntime, .createContainer])
    func `a caller that has another parent after the look is not believed`(stage: HookStage) throws {
        try withCgroup { path in
            addContainer(stage, cgroup: path)
            let error = refusal(stage) { [processes] in
                processes.add(30, parent: 40, cgroup: "/")
                return true
            }
            #expect(error?.code == .unavailable)
        }
    }

    @Test func `a registration holds for the same process in the same place alone`() throws {
        try withCgroup { path in
            addContainer(.createRuntime, cgroup: path)
            let registration = try resolve(.createRuntime)
            #expect(registration.initStart == 7 && registration.holds(in: resolver.procfs, resolver.hierarchy))
            processes.add(20, parent: 10, cgroup: path, start: 8)
            #expect(!registration.holds(in: resolver.procfs, resolver.hierarchy))
            processes.add(20, parent: 10, cgroup: "/", start: 7)
            #expect(!registration.holds(in: resolver.procfs, resolver.hierarchy))
            processes.add(20, parent: 10, cgroup: path, start: 7)
            #expect(registration.holds(in: resolver.procfs, resolver.hierarchy))
            // Another directory of that name has another number.
            rmdir(hierarchy.root + path)
            mkdir(hierarchy.root + path, 0o755)
            #expect(!registration.holds(in: resolver.procfs, resolver.hierarchy))
        }
    }

    // MARK: Callers who are where no runtime and no hook is

    @Test func `in createRuntime nobody in the container itself is believed`() throws {
        try withCgroup { path in
            for stranger: UInt32 in [10, 30] {
                addContainer(.createRuntime, cgroup: path)
                processes.add(stranger, parent: stranger == 10 ? 1 : 10, cgroup: path)
                let error = refusal(.createRuntime)
                #expect(error?.code == .denied && error?.message.contains("process \(stranger) is in") == true)
            }
        }
    }

    /// crun forks twice for a user and a pid namespace, and what was between has ended when the hook is called.
    @Test(arguments: [
        (parent: UInt32(1), namespace: 2, start: UInt64(8), isTaken: true), (1, 2, 7, true), (1, 1, 8, false),
        (1, 2, 6, false), (40, 2, 8, false), (0, 2, 8, false),
    ])
    func `in createRuntime an init may have been left to the runtime's ancestor`(
        parent: UInt32, namespace: Int, start: UInt64, isTaken: Bool
    ) throws {
        try withCgroup { path in
            processes.add(20, parent: parent, cgroup: path, namespace: namespace, start: start)
            processes.add(10, parent: 1, cgroup: "/")
            processes.add(30, parent: 10, cgroup: "/")
            #expect((refusal(.createRuntime) == nil) == isTaken)
        }
    }

    /// Numbers that change hands while they are looked at.
    @Test func `in createRuntime ancestors in a circle are no endless way`() throws {
        try withCgroup { path in
            processes.add(20, parent: 1, cgroup: path, namespace: 2)
            processes.add(10, parent: 40, cgroup: "/")
            processes.add(40, parent: 10, cgroup: "/")
            processes.add(30, parent: 10, cgroup: "/")
            #expect(refusal(.createRuntime)?.message.contains("is no child of the runtime") == true)
        }
    }

    @Test func `in createRuntime the callers' cgroups are for the registry to judge`() throws {
        try withCgroup { path in
            addContainer(.createRuntime, cgroup: path)
            let root = try #require(hierarchy.id(ofPath: "/"))
            let registration = try resolve(.createRuntime)
            #expect(registration.callerCgroups == [root, root])
            var registry = ContainerRegistry(host: NamespaceKey(mount: 1, pid: 1))
            registry.cgroupCreated(id: root, parent: 0)
            try registry.admit(registration)
            // As if the runtime ran in a container.
            let other = Container(
                identity: try ContainerIdentity(id: "other"), source: .cgroup, cgroup: root, initProcess: nil)
            try registry.register(other, namespaces: nil)
            let error = #expect(throws: RegistrationError.self) { try registry.admit(registration) }
            #expect(error?.code == .denied && error?.message.contains("container other") == true)
        }
    }

    @Test func `in createContainer a hook is in the cgroup of its parent`() throws {
        try withCgroup { path in
            addContainer(.createContainer, cgroup: path)
            processes.add(30, parent: 20, cgroup: path + "/below")
            #expect(refusal(.createContainer) == nil)
            for elsewhere in ["/", path + "x"] {
                processes.add(30, parent: 20, cgroup: elsewhere)
                #expect(refusal(.createContainer)?.code == .denied, "\(elsewhere)")
            }
        }
    }

    @Test func `in createContainer a runtime outside waits for the init`() throws {
        try withCgroup { path in
            addContainer(.createContainer, cgroup: path)
            processes.add(10, parent: 1, cgroup: path)
            #expect(refusal(.createContainer)?.message.contains("no runtime outside") == true)
            // One that was left to an ancestor of the runtime's is an init as well.
            processes.add(20, parent: 1, cgroup: path)
            #expect(refusal(.createContainer) == nil)
            processes.add(20, parent: 0, cgroup: path)
            #expect(refusal(.createContainer)?.message.contains("no runtime outside") == true)
        }
    }

    @Test func `in createContainer an init that has changed its root runs already`() throws {
        try withCgroup { path in
            processes.add(20, parent: 10, cgroup: path, rootDirectory: "/tmp")
            addContainer(.createContainer, cgroup: path)
            let error = refusal(.createContainer)
            #expect(error?.code == .denied && error?.message.contains("has changed its root") == true)
        }
    }

    /// The agent's own root stands in for that of pid 1, and for nobody else's.
    @Test func `in createContainer a runtime whose root cannot be seen is none`() throws {
        try withCgroup { path in
            addContainer(.createContainer, cgroup: path)
            processes.add(UInt32(getpid()), parent: 1, cgroup: "/")
            processes.remove("10/root")
            #expect(refusal(.createContainer)?.message.contains("has changed its root") == true)
            processes.add(20, parent: 1, cgroup: path)
            processes.remove("1/root")
            #expect(refusal(.createContainer) == nil)
        }
    }
}
