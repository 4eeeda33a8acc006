// SPDX-License-Identifier: Apache-2.0
import Containers
import Glibc
import Models
import Testing

/// A procfs of a few files: what the kernel would say of each process.
private final class Processes {
    let root: String

    init() {
        var template = Array("/tmp/apus-procfs.XXXXXX".utf8CString)
        root = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit {
        for pid in ["1", "10", "20", "30", "40"] {
            for file in ["stat", "cgroup", "ns/pid", "ns/user"] { unlink("\(root)/\(pid)/\(file)") }
            for directory in ["/ns", ""] { rmdir("\(root)/\(pid)\(directory)") }
        }
        rmdir(root)
    }

    /// - Parameter namespace: the number of its pid and user namespaces; the host's is 1.
    func add(_ pid: UInt32, parent: UInt32, cgroup: String, name: String = "x", namespace: Int = 1) {
        for directory in ["", "/ns"] { mkdir("\(root)/\(pid)\(directory)", 0o755) }
        for kind in ["pid", "user"] { symlink("\(kind):[\(namespace)]", "\(root)/\(pid)/ns/\(kind)") }
        write("\(pid) (\(name)) S \(parent) \(pid) \(pid) 0 -1", to: "\(pid)/stat")
        write("0::\(cgroup)\n", to: "\(pid)/cgroup")
    }

    private func write(_ text: String, to path: String) {
        guard let file = fopen("\(root)/\(path)", "w") else { return }
        fputs(text, file)
        fclose(file)
    }
}

@Suite struct RegistrationResolverTests {
    private let processes = Processes()
    private let hierarchy: CgroupHierarchy
    private let resolver: RegistrationResolver

    init() throws {
        hierarchy = try CgroupHierarchy.detect(procfs: Procfs())
        // The ids are real, so the paths must be: directories of the machine's own hierarchy.
        resolver = RegistrationResolver(
            procfs: Procfs(root: processes.root),
            hierarchy: CgroupHierarchy(root: hierarchy.root, controller: nil, number: 0))
        processes.add(1, parent: 0, cgroup: "/")
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
        let path = "/apus-resolver-\(getpid())"
        try #require(mkdir(hierarchy.root + path, 0o755) == 0, "cannot make a cgroup below \(hierarchy.root)")
        defer { rmdir(hierarchy.root + path) }
        try body(path)
    }

    @Test func `in createContainer the caller's parent is the init, whatever the state says`() throws {
        try withCgroup { path in
            processes.add(10, parent: 1, cgroup: "/elsewhere")
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
                try identity(.createRuntime, cgroupsPath: "/a/lie"), statePid: 20, caller: HookCaller(pid: 30, uid: 0))
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

    @Test(arguments: [UInt32(0), 1])
    func `in createRuntime a state without a process is refused`(pid: UInt32) throws {
        processes.add(30, parent: 10, cgroup: "/")
        #expect(try refusal(.createRuntime, statePid: pid, pid: 30)?.code == .invalid)
    }

    @Test func `a caller that is gone is no one`() throws {
        #expect(try refusal(.createContainer, statePid: 1, pid: 30)?.code == .unavailable)
    }

    @Test func `an init in the root of the hierarchy has no cgroup to be known by`() throws {
        processes.add(20, parent: 1, cgroup: "/")
        processes.add(30, parent: 20, cgroup: "/")
        #expect(try refusal(.createContainer, statePid: 0, pid: 30)?.code == .denied)
    }

    @Test func `the claimed directory counts where the init is one deeper`() throws {
        try withCgroup { path in
            let inner = path + "/container"
            try #require(mkdir(hierarchy.root + inner, 0o755) == 0)
            defer { rmdir(hierarchy.root + inner) }
            processes.add(20, parent: 1, cgroup: inner)
            processes.add(30, parent: 20, cgroup: inner)
            let caller = HookCaller(pid: 30, uid: 0)
            let claimed = try resolver.resolve(
                try identity(.createContainer, cgroupsPath: path), statePid: 0, caller: caller)
            #expect(claimed.cgroupPath == path)
            let lied = try resolver.resolve(
                try identity(.createContainer, cgroupsPath: "/app"), statePid: 0, caller: caller)
            #expect(lied.cgroupPath == inner)
        }
    }
}
