// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// Containers' own trees, the cgroups that name containers, and who was there before.
    @Suite struct TreeTests: KernelSuite {
        @Test func `the armed init's exec begins the tree, and only what descends from it is in it`() throws {
            let cgroup = try Cgroup("tree")
            defer { cgroup.remove() }
            var pid: pid_t = 0
            let recording = try record {
                let child = try Child(
                    TestProgram.run, "forked", TestProgram.run, "child", TestProgram.leave, "exit", "0")
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
                let child = try Child(
                    TestProgram.run, "wait", TestProgram.run, "thread", TestProgram.leave, "exit", "0")
                pid = child.pid
                try child.settle()
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
                    try child.settle()
                    try sensors.arm(tgid: UInt32(child.pid), cgroup: disarmed ? OwnProcess.cgroupID : cgroup.id)
                    if disarmed { try sensors.disarm(tgid: UInt32(child.pid)) }
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
            for child in [inside, outside] { try child.settle() }
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
        @Test(.enabled(if: Hierarchy.hasPids, "no v1 hierarchy with the pids controller is mounted"))
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
}
