// SPDX-License-Identifier: Apache-2.0
import CRecords
import Glibc
import Sensors
import Testing

extension KernelTests {
    /// What an exec's record says of the new image.
    @Suite struct ExecTests: KernelSuite {
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

        @Test(.needs(anyOf: .preparedExec, .kprobe), arguments: [(0o4755, REC_FLAG_SETUID), (0o2755, REC_FLAG_SETGID)])
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

        @Test(.needs(anyOf: .preparedExec, .kprobe))
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
    }
}
