// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

/// Real actions on this machine's kernel, and every record of them. Needs root.
@Suite(.serialized)
struct KernelTests {
    let sensors: BaseSensors

    init() throws { sensors = try BaseSensors(Hierarchy.configuration(ringBytes: 64 << 20)) }

    private func record(_ action: () throws -> Void) throws -> Recording {
        let recording = try Recording(on: sensors, action)
        #expect(recording.malformed == 0)
        #expect(recording.gaps == 0)
        #expect(sensors.missed() == 0)
        return recording
    }

    // MARK: One process

    @Test func `a process is a fork, an exec and an exit that agree`() throws {
        var pid: pid_t = 0
        let recording = try record {
            let child = try Child(TestProgram.leave, "exit", "0")
            pid = child.pid
            child.end()
        }
        let fork = try #require(recording.forks(of: pid).only)
        let exec = try #require(recording.execs(of: pid).only)
        let exit = try #require(recording.exits(of: pid).only)

        #expect(fork.child.start == exec.fixed.image.start)
        #expect(fork.child.exec_count + 1 == exec.fixed.image.exec_count)
        #expect(Image(exec.fixed.image) == Image(exit.image))
        #expect(fork.parent.tgid == UInt32(getpid()))
        #expect(Image(fork.parent) == Image(exec.fixed.parent))
        #expect(fork.parent_tid == OwnProcess.thread)
        #expect(fork.flags == 0 && exit.flags == 0 && exit.code == 0)
        #expect([fork.cgroup_id, exec.fixed.cgroup_id, exit.cgroup_id].allSatisfy { $0 == OwnProcess.cgroupID })
        #expect(fork.head.time < exec.fixed.head.time && exec.fixed.head.time < exit.head.time)
        #expect(fork.ns_level == 0 && fork.ns_pid == UInt32(pid))
    }

    @Test func `every field of an exec`() throws {
        var pid: pid_t = 0
        let recording = try record {
            let child = try Child(TestProgram.leave, "exit", "0")
            pid = child.pid
            child.end()
        }
        let exec = try #require(recording.execs(of: pid).only)
        let fixed = exec.fixed
        #expect(exec.filename == TestProgram.leave)
        #expect(exec.cwd == OwnProcess.workingDirectory)
        #expect(exec.exe == "")
        #expect(exec.arguments == Array("\(TestProgram.leave)\0exit\00\0".utf8))
        #expect(fixed.argc == 3 && Int(fixed.args_total) == exec.arguments.count)
        #expect(fixed.flags == REC_FLAG_AFTER_FORK.rawValue)
        #expect(fixed.tid == UInt32(pid) && fixed.ns_pid == UInt32(pid) && fixed.ns_level == 0)
        #expect(fixed.session == UInt32(getsid(0)))
        let loginUID = OwnProcess.file("loginuid")
        #expect(fixed.login_uid == (loginUID.isEmpty ? .max : UInt32(loginUID)))
        // stat's tty_nr has the minor in bits 0-7 and 20-31, the major in 8-19.
        let tty = UInt64(OwnProcess.stat[4]) ?? 0
        #expect(fixed.tty == (tty >> 8 & 0xfff) << 20 | (tty & 0xff | tty >> 12 & 0xfff00))

        var file = stat()
        stat(TestProgram.leave, &file)
        #expect(fixed.file.inode == UInt64(file.st_ino) && fixed.file.nlink == 1 && fixed.file.mode == file.st_mode)

        #expect(
            [fixed.creds.uid, fixed.creds.euid, fixed.creds.suid, fixed.creds.fsuid].map(String.init)
                == OwnProcess.status("Uid").map(String.init))
        #expect(
            [fixed.creds.gid, fixed.creds.egid, fixed.creds.sgid, fixed.creds.fsgid].map(String.init)
                == OwnProcess.status("Gid").map(String.init))
        #expect(fixed.creds.cap_permitted == UInt64(OwnProcess.status("CapPrm")[0], radix: 16))
        #expect(fixed.creds.cap_effective == UInt64(OwnProcess.status("CapEff")[0], radix: 16))
        #expect(fixed.creds.cap_inheritable == UInt64(OwnProcess.status("CapInh")[0], radix: 16))
        #expect(fixed.creds.cap_ambient == UInt64(OwnProcess.status("CapAmb")[0], radix: 16))
        #expect(fixed.creds.securebits == 0 && fixed.creds.user_ns_level == 0)
        #expect(fixed.old_euid == 0 && fixed.old_egid == 0)

        let ns = fixed.ns
        #expect(ns.uts == OwnProcess.namespace("uts") && ns.ipc == OwnProcess.namespace("ipc"))
        #expect(ns.mnt == OwnProcess.namespace("mnt") && ns.net == OwnProcess.namespace("net"))
        #expect(ns.pid == OwnProcess.namespace("pid"))
        #expect(ns.pid_for_children == OwnProcess.namespace("pid_for_children"))
        #expect(ns.time == OwnProcess.namespace("time"))
        #expect(ns.time_for_children == OwnProcess.namespace("time_for_children"))
        #expect(ns.cgroup == OwnProcess.namespace("cgroup") && ns.user == OwnProcess.namespace("user"))
    }

    @Test func `what fails is no exec, and what is no process no fork`() throws {
        let recording = try record {
            let failing = try Child(TestProgram.run, "plain", "/nonexistent")
            #expect(failing.end().status == 127 << 8)
            let threads = try Child(TestProgram.leave, "together", "9")
            #expect(threads.end().status == 0)
        }
        #expect(!recording.execs.contains { $0.filename == "/nonexistent" })
        #expect(recording.forks.filter { $0.parent.tgid == UInt32(getpid()) }.count == 2)
        #expect(recording.execs.filter { $0.filename == TestProgram.leave }.count == 1)
    }

    // MARK: Ends

    @Test(arguments: [
        ("exit", "0"), ("exit", "1"), ("exit", "255"), ("signal", "9"), ("signal", "15"), ("signal", "11"),
        ("leader-first", "7"), ("leader-last", "5"),
    ])
    func `the exit code is what wait reports`(way: String, number: String) throws {
        var pid: pid_t = 0
        var status: Int32 = 0
        let recording = try record {
            let child = try Child(TestProgram.leave, way, number)
            pid = child.pid
            status = child.end().status
        }
        let exits = recording.exits(of: pid)
        #expect(!exits.isEmpty)
        #expect(exits.allSatisfy { $0.code == status }, "\(exits.map(\.code)) for \(status)")
    }

    @Test func `a core dump is in the exit code`() throws {
        let directory = try TemporaryFile("core", [])
        defer { directory.remove() }
        var pid: pid_t = 0
        var status: Int32 = 0
        let recording = try record {
            let child = try Child(
                "/bin/sh", "-c", "cd ${0%/*} && ulimit -c unlimited && exec $1 signal 11", directory.path,
                TestProgram.leave)
            pid = child.pid
            status = child.end().status
        }
        #expect(status & 0x7f == SIGSEGV)
        #expect(recording.exits(of: pid).allSatisfy { $0.code == status } && !recording.exits(of: pid).isEmpty)
    }

    @Test func `nine threads that leave at once are one exit each`() throws {
        var pids: [pid_t] = []
        let recording = try record {
            for _ in 0..<count("APUS_THREAD_EXITS", default: 1000) {
                let child = try Child(TestProgram.leave, "together", "9")
                pids.append(child.pid)
                child.end()
            }
        }
        for pid in Set(pids) {
            // By image: before 6.16 several of the threads report it.
            #expect(Set(recording.exits(of: pid).map { Image($0.image) }).count == pids.count { $0 == pid })
        }
    }

    // MARK: Arguments

    @Test(arguments: [20_000, 32_768 + 8192, 120_000]) func `a long argument arrives whole`(length: Int) throws {
        let exec = try execWithArguments([[UInt8](repeating: UInt8(ascii: "a"), count: length)])
        #expect(exec.arguments.count == length + Array("/bin/true\0\0".utf8).count)
        #expect(!exec.has(REC_FLAG_ARGS_TRUNCATED))
    }

    @Test func `250,000 characters in many arguments arrive whole`() throws {
        let arguments = (0..<2500).map { Array("\($0)".utf8) + [UInt8](repeating: UInt8(ascii: "b"), count: 95) }
        let exec = try execWithArguments(arguments)
        #expect(exec.arguments == (["/bin/true"].map { Array($0.utf8) } + arguments).flatMap { $0 + [0] })
        #expect(exec.fixed.argc == 2501 && !exec.has(REC_FLAG_ARGS_TRUNCATED))
    }

    @Test func `more than the limit is cut there and flagged`() throws {
        let exec = try execWithArguments((0..<4).map { _ in [UInt8](repeating: UInt8(ascii: "c"), count: 100_000) })
        #expect(exec.arguments.count == Int(REC_ARGS_MAX.rawValue))
        #expect(exec.has(REC_FLAG_ARGS_TRUNCATED) && exec.fixed.args_total > 400_000)
    }

    @Test func `arguments are bytes`() throws {
        let arguments: [[UInt8]] = [
            Array("a b".utf8), Array("\"quoted\" 'too'".utf8), Array("new\nline".utf8), [], [0xff, 0xfe, 0x80],
        ]
        let exec = try execWithArguments(arguments)
        #expect(exec.arguments == Array("/bin/true\0".utf8) + arguments.flatMap { $0 + [0] })
    }

    private func execWithArguments(_ arguments: [[UInt8]]) throws -> Recording.Exec {
        var pid: pid_t = 0
        let recording = try record {
            let child = try Child("/bin/true", arguments)
            pid = child.pid
            child.end()
        }
        return try #require(recording.execs(of: pid).only)
    }

    // MARK: Executables

    @Test func `a script is the script, its executable the interpreter`() throws {
        let script = try TemporaryFile("script", Array("#!/bin/sh\nexit 4\n".utf8))
        defer { script.remove() }
        var pid: pid_t = 0
        let recording = try record {
            let child = try Child(script.path, "one")
            pid = child.pid
            #expect(child.end().status == 4 << 8)
        }
        let exec = try #require(recording.execs(of: pid).only)
        var shell = stat()
        stat("/bin/sh", &shell)
        #expect(exec.filename == script.path)
        #expect(exec.arguments == Array("/bin/sh\0\(script.path)\0one\0".utf8))
        #expect(exec.fixed.file.inode == UInt64(shell.st_ino))
    }

    @Test func `a memfd has no links and its own name`() throws {
        let exec = try lastExec(TestProgram.run, "memfd", TestProgram.leave, "exit", "0")
        #expect(exec.fixed.file.nlink == 0)
        #expect(exec.exe == "/memfd:copy")
        #expect(exec.filename.hasPrefix("/dev/fd/"))
        #expect(!exec.has(REC_FLAG_AFTER_FORK))
    }

    @Test func `an unlinked executable has no links and the path that it had`() throws {
        let copy = try TemporaryFile("unlinked", contentsOf: TestProgram.leave)
        defer { copy.remove() }
        let exec = try lastExec(TestProgram.run, "unlinked", copy.path, "exit", "0")
        #expect(exec.fixed.file.nlink == 0)
        #expect(exec.exe == copy.path)
    }

    @Test func `an executable given by descriptor has its path`() throws {
        let exec = try lastExec(TestProgram.run, "descriptor", TestProgram.leave, "exit", "0")
        #expect(exec.fixed.file.nlink == 1)
        #expect(exec.exe == TestProgram.leave)
    }

    @Test func `an exec by another thread is one of the leader's`() throws {
        let exec = try lastExec(TestProgram.run, "thread", TestProgram.leave, "exit", "0")
        #expect(exec.fixed.tid != exec.fixed.image.tgid)
    }

    private func lastExec(_ path: String, _ arguments: String...) throws -> Recording.Exec {
        var pid: pid_t = 0
        let recording = try record {
            let child = try Child(path, arguments.map { Array($0.utf8) })
            pid = child.pid
            #expect(child.end().status == 0)
        }
        #expect(recording.execs(of: pid).count >= 2)
        let last = try #require(recording.execs(of: pid).last)
        let exit = try #require(recording.exits(of: pid).last)
        #expect(Image(exit.image) == Image(last.fixed.image))
        return last
    }

    @Test func `the root directory is flagged`() throws {
        let before = OwnProcess.workingDirectory
        var pid: pid_t = 0
        let recording = try record {
            let program = TestProgram.leave
            chdir("/")
            defer { chdir(before) }
            let child = try Child(program, "exit", "0")
            pid = child.pid
            child.end()
        }
        let exec = try #require(recording.execs(of: pid).only)
        #expect(exec.cwd == "/" && exec.has(REC_FLAG_CWD_IS_ROOT))
    }

    /// Eleven directories of 250 characters are a path of nearly 3,000, seventeen one that getcwd refuses.
    @Test(arguments: [(11, false), (17, true)])
    func `a long working directory is whole up to PATH_MAX`(depth: Int, truncated: Bool) throws {
        let program = TestProgram.leave
        let before = OwnProcess.workingDirectory
        let name = String(repeating: "d", count: 250)
        let top = try TemporaryFile("file", [])
        defer { top.remove() }
        chdir(String(top.path.dropLast("/file".count)))
        for _ in 0..<depth { mkdir(name, 0o755); chdir(name) }
        defer {
            for _ in 0..<depth { chdir(".."); rmdir(name) }
            chdir(before)
        }
        let expected = OwnProcess.workingDirectory

        var pid: pid_t = 0
        let recording = try record {
            let child = try Child(program, "exit", "0")
            pid = child.pid
            child.end()
        }
        let exec = try #require(recording.execs(of: pid).only)
        #expect(exec.has(REC_FLAG_CWD_TRUNCATED) == truncated && !exec.has(REC_FLAG_CWD_ERROR))
        if truncated {
            // The end is kept, in whole components: sixteen of them and no more fit.
            #expect(exec.cwd == String(repeating: "/" + name, count: 16))
        } else {
            #expect(exec.cwd == expected)
        }
    }

    // MARK: Privileges

    @Test(arguments: [(0o4755, REC_FLAG_SETUID), (0o2755, REC_FLAG_SETGID)])
    func `a set-id file is a gain only where it changes the id`(mode: Int, flag: rec_flag) throws {
        let copy = try TemporaryFile("setid", contentsOf: TestProgram.leave)
        defer { copy.remove() }
        chmod(copy.path, mode_t(mode))

        let asRoot = try lastExec(TestProgram.run, "plain", copy.path, "exit", "0")
        #expect(!asRoot.has(flag) && !asRoot.has(REC_FLAG_PRIVILEGED_ID) && !asRoot.has(REC_FLAG_FILE_CAPS))

        let exec = try lastExec(
            "/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", copy.path, "exit", "0")
        #expect(exec.has(flag) && exec.has(REC_FLAG_PRIVILEGED_ID) && !exec.has(REC_FLAG_FILE_CAPS))
        #expect(exec.fixed.old_euid == 65534 && exec.fixed.old_egid == 65534)
        #expect(exec.fixed.creds.euid == (flag == REC_FLAG_SETUID ? 0 : 65534))
        #expect(exec.fixed.creds.egid == (flag == REC_FLAG_SETGID ? 0 : 65534))
        #expect(exec.fixed.creds.uid == 65534)
    }

    @Test
    func `capabilities of the file are a gain only where they raise anything`() throws {
        let copy = try TemporaryFile("caps", contentsOf: TestProgram.leave)
        defer { copy.remove() }
        let setcap = try Child("/usr/sbin/setcap", "cap_net_raw+ep", copy.path)
        #expect(setcap.end().status == 0)

        let asRoot = try lastExec(TestProgram.run, "plain", copy.path, "exit", "0")
        #expect(!asRoot.has(REC_FLAG_FILE_CAPS))

        // setpriv itself keeps what it may have until it execs; the program between has nothing any more.
        let asNobody = try lastExec(
            "/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
            TestProgram.run, "plain", copy.path, "exit", "0")
        #expect(asNobody.has(REC_FLAG_FILE_CAPS))
        #expect(!asNobody.has(REC_FLAG_SETUID) && !asNobody.has(REC_FLAG_SETGID))
        #expect(asNobody.fixed.creds.cap_permitted == 1 << 13)
    }

    // MARK: The container's tree

    @Test func `the armed init's exec begins the tree, and only what descends from it is in it`() throws {
        let cgroup = try Cgroup("tree")
        defer { cgroup.remove() }
        var pid: pid_t = 0
        let recording = try record {
            let child = try Child(TestProgram.run, "forked", TestProgram.run, "child", TestProgram.leave, "exit", "0")
            pid = child.pid
            usleep(50_000)
            try cgroup.take(pid)
            try sensors.arm(tgid: UInt32(pid), cgroup: cgroup.id)
            child.tell()
            child.end()
            usleep(400_000)
        }
        let inits = recording.execs(of: pid)
        #expect(inits.count == 2 && !inits[0].has(REC_FLAG_IN_TREE))
        #expect(inits[1].has(REC_FLAG_IN_TREE) && inits[1].has(REC_FLAG_TREE_ROOT))
        #expect(inits[1].fixed.cgroup_id == cgroup.id)

        // The child that was forked before the exec is not in the tree; the one forked after it is, and is no root.
        let children = recording.forks.filter { $0.parent.tgid == UInt32(pid) }
        #expect(children.count == 2)
        #expect(children.map { $0.flags & REC_FLAG_IN_TREE.rawValue != 0 } == [false, true])
        let before = try #require(children.first), after = try #require(children.last)
        #expect(recording.execs(of: pid_t(before.child.tgid)).allSatisfy { !$0.has(REC_FLAG_IN_TREE) })
        let inside = try #require(recording.execs(of: pid_t(after.child.tgid)).only)
        #expect(inside.has(REC_FLAG_IN_TREE) && !inside.has(REC_FLAG_TREE_ROOT))
        #expect(recording.exits(of: pid).last?.flags == REC_FLAG_IN_TREE.rawValue)
        let moves = recording.cgroups.filter { $0.fixed.id == cgroup.id }
        #expect(moves.map(\.fixed.what) == [REC_CGROUP_ATTACHED.rawValue])
        #expect(moves.map(\.fixed.image.tgid) == [UInt32(pid)])
    }

    @Test func `an exec by another thread stays in the tree`() throws {
        let cgroup = try Cgroup("thread")
        defer { cgroup.remove() }
        var pid: pid_t = 0
        let recording = try record {
            let child = try Child(TestProgram.run, "wait", TestProgram.run, "thread", TestProgram.leave, "exit", "0")
            pid = child.pid
            try cgroup.take(pid)
            try sensors.arm(tgid: UInt32(pid), cgroup: cgroup.id)
            child.tell()
            child.end()
        }
        let execs = recording.execs(of: pid)
        #expect(execs.map { $0.has(REC_FLAG_IN_TREE) } == [false, true, true])
        #expect(execs.map { $0.has(REC_FLAG_TREE_ROOT) } == [false, true, false])
    }

    @Test func `a process armed for another cgroup or disarmed is in no tree`() throws {
        let cgroup = try Cgroup("other")
        defer { cgroup.remove() }
        var pids: [pid_t] = []
        let recording = try record {
            for disarmed in [false, true] {
                let child = try Child(TestProgram.run, "wait", TestProgram.leave, "exit", "0")
                pids.append(child.pid)
                try sensors.arm(tgid: UInt32(child.pid), cgroup: disarmed ? OwnProcess.cgroupID : cgroup.id)
                if disarmed { sensors.disarm(tgid: UInt32(child.pid)) }
                child.tell()
                child.end()
            }
        }
        for pid in pids { #expect(recording.execs(of: pid).map { $0.has(REC_FLAG_IN_TREE) } == [false, false]) }
    }

    @Test func `existing processes are seeded where their cgroup is right`() throws {
        let cgroup = try Cgroup("seed")
        defer { cgroup.remove() }
        let inside = try Child(TestProgram.run, "wait", TestProgram.run, "thread", TestProgram.leave, "exit", "0")
        let outside = try Child(TestProgram.run, "wait", TestProgram.leave, "exit", "0")
        try cgroup.take(inside.pid)
        for _ in 0..<2 {
            try sensors.seedTree(
                tgids: [UInt32(inside.pid), UInt32(outside.pid)], cgroups: [cgroup.id, cgroup.id])
        }
        let recording = try record {
            for child in [inside, outside] { child.tell(); child.end() }
        }
        #expect(recording.execs(of: inside.pid).map { $0.has(REC_FLAG_IN_TREE) } == [true, true])
        #expect(recording.execs(of: outside.pid).map { $0.has(REC_FLAG_IN_TREE) } == [false])
    }

    @Test func `a sibling of its maker is the maker's child and after a fork`() throws {
        var sibling: pid_t = 0
        var maker: pid_t = 0
        let recording = try record {
            let child = try Child(TestProgram.run, "sibling", TestProgram.leave, "exit", "0")
            maker = child.pid
            sibling = pid_t(child.end().output.dropLast()) ?? 0
            Child.wait(sibling)
        }
        let fork = try #require(recording.forks(of: sibling).only)
        let exec = try #require(recording.execs(of: sibling).only)
        #expect(fork.parent.tgid == UInt32(maker))
        #expect(exec.fixed.parent.tgid == UInt32(getpid()))
        #expect(fork.child.exec_count + 1 == exec.fixed.image.exec_count)
    }

    // MARK: Cgroups

    @Test func `a directory comes and goes`() throws {
        var id: UInt64 = 0
        var name = ""
        let recording = try record {
            let cgroup = try Cgroup("directory")
            (id, name) = (cgroup.id, cgroup.name)
            cgroup.remove()
        }
        let seen = recording.cgroups.filter { $0.fixed.id == id }
        #expect(seen.map(\.fixed.what) == [REC_CGROUP_CREATED.rawValue, REC_CGROUP_REMOVED.rawValue])
        #expect(seen.allSatisfy { $0.name == name && $0.fixed.level == 1 && $0.fixed.parent_id != 0 })
    }

    /// Where v1 is mounted: the id is that of the chosen controller's directory, and other hierarchies are silent.
    @Test(.enabled(if: access("/sys/fs/cgroup/pids/cgroup.procs", F_OK) == 0, "needs the v1 pids controller"))
    func `a v1 hierarchy can name containers`() throws {
        let sensors = try BaseSensors(Hierarchy.pids(ringBytes: 16 << 20))
        let elsewhere = Hierarchy.isV1 ? "/sys/fs/cgroup/freezer" : Hierarchy.root

        var pid: pid_t = 0
        var (id, other) = (UInt64(0), UInt64(0))
        let recording = try Recording(on: sensors) {
            let cgroup = try Cgroup("v1", in: "/sys/fs/cgroup/pids")
            let unseen = try Cgroup("elsewhere", in: elsewhere)
            (id, other) = (cgroup.id, unseen.id)
            let child = try Child(TestProgram.run, "wait", TestProgram.leave, "exit", "0")
            pid = child.pid
            try cgroup.take(pid)
            child.tell()
            child.end()
            cgroup.remove()
            unseen.remove()
        }
        #expect(recording.execs(of: pid).last?.fixed.cgroup_id == id)
        #expect(recording.exits(of: pid).last?.cgroup_id == id)
        let whats = recording.cgroups.filter { $0.fixed.id == id }.map(\.fixed.what)
        #expect(whats == [REC_CGROUP_CREATED, REC_CGROUP_ATTACHED, REC_CGROUP_REMOVED].map(\.rawValue))
        #expect(!recording.cgroups.contains { $0.fixed.id == other && $0.name.hasSuffix("elsewhere") })
    }

    // MARK: Existing processes

    @Test func `the iterator finds us as we are`() throws {
        var own: Recording.Exec?
        var kernelThreads = 0
        var all = 0
        try sensors.forEachTask { bytes in
            all += 1
            guard case .task(let view)? = try? Record(bytes) else { return }
            if view.has(REC_FLAG_KERNEL_THREAD) { kernelThreads += 1 }
            if view.fixed.image.tgid == UInt32(getpid()) { own = Recording.Exec(view) }
        }
        let exec = try #require(own)
        let ticks = UInt64(sysconf(Int32(_SC_CLK_TCK)))
        #expect(exec.fixed.image.start / (1_000_000_000 / ticks) == UInt64(OwnProcess.stat[19]))
        #expect(exec.fixed.parent.tgid == UInt32(getppid()))
        #expect(exec.cwd == OwnProcess.workingDirectory)
        var exe = [CChar](repeating: 0, count: 4096)
        readlink("/proc/self/exe", &exe, 4095)
        #expect(exec.exe == exe.withUnsafeBufferPointer { String(cString: $0.baseAddress!) })
        #expect(exec.fixed.cgroup_id == OwnProcess.cgroupID)
        #expect(exec.fixed.creds.euid == 0 && exec.fixed.ns.mnt == OwnProcess.namespace("mnt"))
        #expect(kernelThreads > 0 && all > kernelThreads)
    }
}

extension Collection {
    /// The one element, if there is just one.
    var only: Element? { count == 1 ? first : nil }
}
