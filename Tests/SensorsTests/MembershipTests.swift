// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// How the mark of a container's tree gets to everybody whom it is for, and to nobody else.
    @Suite struct MembershipTests: KernelSuite {
        /// An armed process in a cgroup of its own, told to go on.
        private func recordArmed(
            _ name: String, _ words: String..., then check: (pid_t, Recording, _ output: String) throws -> Void
        ) throws {
            let cgroup = try Cgroup(name)
            defer { cgroup.remove() }
            var (pid, output): (pid_t, String) = (0, "")
            let recording = try record {
                let child = try Child(TestProgram.run, words.map { Array($0.utf8) })
                pid = child.pid
                try child.settle()
                try cgroup.take(pid)
                try sensors.arm(tgid: UInt32(pid), cgroup: cgroup.id)
                child.tell()
                output = child.end().output
                // A sibling of the child is ours to wait for.
                if let sibling = pid_t(output.dropLast()) { Child.wait(sibling) }
            }
            try check(pid, recording, output)
        }

        @Test func `who is forked with another parent is in the forking process's tree`() throws {
            try recordArmed("sibling", "wait", TestProgram.run, "sibling", TestProgram.leave, "exit", "0") {
                pid, recording, output in
                let sibling = try #require(pid_t(output.dropLast()))
                let fork = try #require(recording.forks(of: sibling).only)
                #expect(fork.parent.tgid == UInt32(pid) && fork.flags == REC_FLAG_IN_TREE.rawValue)
                let exec = try #require(recording.execs(of: sibling).only)
                #expect(exec.fixed.parent.tgid == UInt32(getpid()))
                // Not by its parent's count: that is another's than the forking process's.
                #expect(exec.has(REC_FLAG_AFTER_FORK) || !probedFeatures.has(.preparedExec))
                #expect(exec.has(REC_FLAG_IN_TREE) && !exec.has(REC_FLAG_TREE_ROOT))
                #expect(recording.exits(of: sibling).last?.flags == REC_FLAG_IN_TREE.rawValue)
            }
        }

        @Test func `who is forked by another thread is in the tree, and a child of the process`() throws {
            try recordArmed("thread-child", "wait", TestProgram.run, "thread-child", TestProgram.leave, "exit", "0") {
                pid, recording, _ in
                let fork = try #require(recording.forks.filter { $0.parent.tgid == UInt32(pid) }.only)
                let exec = try #require(recording.execs(of: pid_t(fork.child.tgid)).only)
                let forker = try #require(recording.execs(of: pid).last)
                #expect(fork.parent_tid != UInt32(pid))
                #expect(Image(fork.parent) == Image(forker.fixed.image))
                #expect(Image(exec.fixed.parent) == Image(forker.fixed.image))
                #expect(exec.has(REC_FLAG_IN_TREE) && !exec.has(REC_FLAG_TREE_ROOT))
            }
        }

        /// Inits written in Go have many threads, and any of them may be the one that executes.
        @Test func `an armed init begins the tree whichever of its threads executes`() throws {
            try recordArmed("threads", "waiting-thread", TestProgram.run, "child", TestProgram.leave, "exit", "0") {
                pid, recording, _ in
                let inits = recording.execs(of: pid)
                #expect(inits.map { $0.has(REC_FLAG_TREE_ROOT) } == [false, true])
                #expect(inits.last.map { $0.fixed.tid != $0.fixed.image.tgid } == true)
                let fork = try #require(recording.forks.filter { $0.parent.tgid == UInt32(pid) }.only)
                #expect(fork.flags == REC_FLAG_IN_TREE.rawValue)
            }
        }

        @Test func `every thread of a found process is marked`() throws {
            let cgroup = try Cgroup("found")
            defer { cgroup.remove() }
            let child = try Child(TestProgram.run, "waiting-thread", TestProgram.leave, "exit", "0")
            try child.settle()
            try cgroup.take(child.pid)
            try sensors.seedTree(tgids: [UInt32(child.pid)], cgroups: [cgroup.id])
            let recording = try record {
                child.tell(); child.end()
            }
            let exec = try #require(recording.execs(of: child.pid).only)
            #expect(exec.fixed.tid != exec.fixed.image.tgid)
            #expect(exec.has(REC_FLAG_IN_TREE) && !exec.has(REC_FLAG_TREE_ROOT))
        }

        @Test func `a pid that is given again is not armed any more`() throws {
            let cgroup = try Cgroup("again")
            defer { cgroup.remove() }
            var pid: pid_t = 0
            let recording = try record {
                let armed = try Child(TestProgram.run, "wait", TestProgram.leave, "exit", "0")
                pid = armed.pid
                try armed.settle()
                try cgroup.take(pid)
                try sensors.arm(tgid: UInt32(pid), cgroup: cgroup.id)
                kill(pid, SIGKILL)
                armed.end()
                let maker = try Child(
                    TestProgram.run, "wait", TestProgram.run, "at", "\(pid)", TestProgram.leave, "exit", "0")
                try maker.settle()
                try cgroup.take(maker.pid)
                maker.tell()
                #expect(maker.end().status == 0)
            }
            let again = try #require(recording.execs(of: pid).last)
            #expect(recording.forks(of: pid).count == 2 && again.filename == TestProgram.leave)
            #expect(again.fixed.cgroup_id == recording.exits(of: pid).first?.cgroup_id)
            #expect(!again.has(REC_FLAG_IN_TREE) && !again.has(REC_FLAG_TREE_ROOT))
        }

        @Test func `the iterator says who is in a tree, who is a kernel's thread and who has executed nothing`() throws
        {
            let cgroup = try Cgroup("iterator")
            defer { cgroup.remove() }
            let inside = try Child(TestProgram.run, "waiting-thread", TestProgram.leave, "exit", "0")
            let outside = try Child("/bin/sh", "-c", "(read word); exit 0")
            try inside.settle()
            try outside.settle()
            try cgroup.take(inside.pid)
            try sensors.seedTree(tgids: [UInt32(inside.pid)], cgroups: [cgroup.id])
            var found: [UInt32: [UInt32]] = [:]
            var children: [UInt32] = []
            try sensors.forEachTask { bytes in
                guard case .task(let view)? = try? Record(bytes) else { return }
                found[view.fixed.image.tgid, default: []].append(view.fixed.flags)
                if view.fixed.parent.tgid == UInt32(outside.pid) { children.append(view.fixed.flags) }
            }
            for child in [inside, outside] { child.tell(); child.end() }
            #expect(found[UInt32(inside.pid)] == [REC_FLAG_IN_TREE.rawValue])
            #expect(found[UInt32(outside.pid)] == [0])
            #expect(children == [REC_FLAG_NO_EXEC.rawValue])
            #expect(found[2]?.map { $0 & REC_FLAG_KERNEL_THREAD.rawValue } == [REC_FLAG_KERNEL_THREAD.rawValue])
        }

        // MARK: Where one begins

        @Test(.enabled(if: !Hierarchy.isV1, "a process begins in its parent's directory of v1"))
        func `a process that begins in another cgroup is there from its fork on`() throws {
            let cgroup = try Cgroup("into")
            defer { cgroup.remove() }
            var maker: pid_t = 0
            let recording = try record {
                let child = try Child(TestProgram.run, "into", cgroup.path, TestProgram.leave, "exit", "0")
                maker = child.pid
                #expect(child.end().status == 0)
            }
            let fork = try #require(recording.forks.filter { $0.parent.tgid == UInt32(maker) }.only)
            #expect(fork.cgroup_id == cgroup.id)
            #expect(recording.forks(of: maker).only?.cgroup_id == OwnProcess.cgroupID)
            #expect(recording.execs(of: pid_t(fork.child.tgid)).only?.fixed.cgroup_id == cgroup.id)
        }

        @Test func `the first process of a pid namespace is its number 1 from its fork on`() throws {
            var maker: pid_t = 0
            let recording = try record {
                let child = try Child("/usr/bin/unshare", "--pid", "--fork", TestProgram.leave, "exit", "0")
                maker = child.pid
                #expect(child.end().status == 0)
            }
            let fork = try #require(recording.forks.filter { $0.parent.tgid == UInt32(maker) }.only)
            #expect(fork.ns_pid == 1 && fork.ns_level == 1 && fork.child.tgid != 1)
            let exec = try #require(recording.execs(of: pid_t(fork.child.tgid)).only)
            #expect(exec.fixed.ns_pid == 1 && exec.fixed.ns_level == 1)
            #expect(exec.fixed.ns.pid != OwnProcess.namespace("pid"))
        }

        @Test func `a directory tells who made it and whom it takes`() throws {
            let above = try Cgroup("above")
            defer { above.remove() }
            var (pid, id): (pid_t, UInt64) = (0, 0)
            let recording = try record {
                let cgroup = try Cgroup("mover", in: above.path)
                id = cgroup.id
                let child = try Child(TestProgram.run, "wait", TestProgram.leave, "exit", "0")
                pid = child.pid
                try cgroup.take(pid)
                child.tell()
                child.end()
                cgroup.remove()
            }
            let records = recording.cgroups.filter { $0.fixed.id == id }
            #expect(records.map(\.fixed.image.tgid) == [UInt32(getpid()), UInt32(pid), 0])
            #expect(records.allSatisfy { $0.fixed.parent_id == above.id && $0.fixed.level == 2 })
        }
    }
}
