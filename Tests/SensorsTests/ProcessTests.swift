// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// How processes begin and end.
    @Suite struct ProcessTests: KernelSuite {
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
            // Whichever thread was the last.
            #expect(Set(exits.map { Image($0.image) }) == Set(recording.execs(of: pid).map { Image($0.fixed.image) }))
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
            let hasManyExits = !probedFeatures.has(.exitGroupDead)
            for pid in Set(pids) {
                // By image: before 6.16 several of the threads report it.
                let (exits, count) = (recording.exits(of: pid), pids.count { $0 == pid })
                #expect(Set(exits.map { Image($0.image) }).count == count)
                #expect(exits.count == count || hasManyExits)
            }
        }
    }
}
