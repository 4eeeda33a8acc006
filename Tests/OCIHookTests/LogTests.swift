// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

extension HookTests {
    struct LogTests {
        let scratch: Scratch

        init() throws {
            scratch = try Scratch()
            scratch.write("bundle/config.json", "{}")
        }

        @Test("A missing directory is made, the file is for root alone")
        func directory() throws {
            #expect(try scratch.hook("createRuntime", ["--log-file", scratch.path + "/new/hook.log"]).exit == 0)
            #expect(scratch.read("new/hook.log").hasPrefix("time=20"))
            var status = stat()
            stat(scratch.path + "/new/hook.log", &status)
            #expect(status.st_mode & 0o777 == 0o600)
        }

        @Test(
            "What is no log file is not written to: the lines go to stderr",
            arguments: ["link", "fifo", "read fifo", "no/where/x"])
        func refused(name: String) throws {
            let victim = scratch.write("victim", "precious")
            symlink(victim, scratch.path + "/link")
            for fifo in ["/fifo", "/read fifo"] { mkfifo(scratch.path + fifo, 0o600) }
            let reader = open(scratch.path + "/read fifo", O_RDONLY | O_NONBLOCK)
            defer { close(reader) }
            let outcome = try scratch.hook("createRuntime", ["--log-file", scratch.path + "/" + name])
            #expect(outcome.exit == 0)
            #expect(outcome.errors.contains("msg=\"cannot open the log file\""))
            #expect(outcome.errors.contains("msg=\"cannot tell the agent\""))
            #expect(scratch.read("victim") == "precious")
        }

        @Test("A relative log file would be the image's")
        func relative() throws {
            let outcome = try scratch.hook("createRuntime", ["--log-file", "hook2.log"], directory: scratch.path)
            #expect(outcome.errors.contains("cannot open the log file"))
            #expect(scratch.read("hook2.log") == "")
        }

        @Test("The file stays under 1 MiB; one older one is kept")
        func rotation() throws {
            let old = String(repeating: "old line\n", count: 110_000)
            scratch.write("hook.log", old)
            #expect(try scratch.hook().exit == 0)
            #expect(scratch.read("hook.log.1") == old)
            #expect(scratch.logLines.count == 1)
            scratch.write("hook.log", old + "newer\n")
            #expect(try scratch.hook().exit == 0)
            #expect(scratch.read("hook.log.1") == old + "newer\n")
        }

        @Test("A file that may not grow ends no hook")
        func fileSizeLimit() throws {
            let script = "ulimit -f 0; exec \"$0\" createRuntime --log-file \"$1\""
            #expect(try scratch.run(["/bin/sh", "-c", script, Program.hook, scratch.log]).exit == 0)
            #expect(scratch.logLines.isEmpty)
        }

        @Test(
            "A stderr that nobody reads any more ends no hook", arguments: [(false, 0), (true, 1)] as [(Bool, Int32)])
        func closedPipe(isClosed: Bool, exit: Int32) throws {
            var ends: [Int32] = [0, 0]
            pipe(&ends)
            close(ends[0])
            defer { close(ends[1]) }
            let input = open(scratch.write("state.json", scratch.state()), O_RDONLY)
            defer { close(input) }
            let outcome = try Running(
                [Program.hook, "createRuntime", "--log-file", "/"] + (isClosed ? ["--fail-closed"] : []),
                stdin: input, stdout: ends[1], stderr: ends[1]
            ).wait()
            #expect(outcome.exit == exit)
        }

        @Test("A stderr that nobody empties does not hold the hook")
        func fullPipe() throws {
            var ends: [Int32] = [0, 0]
            pipe(&ends)
            defer { ends.forEach { close($0) } }
            _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
            let block = [UInt8](repeating: 0, count: 4096)
            while write(ends[1], block, block.count) > 0 {}
            _ = fcntl(ends[1], F_SETFL, 0)
            let input = open(scratch.write("state.json", scratch.state()), O_RDONLY)
            defer { close(input) }
            let outcome = try Running(
                [Program.hook, "createRuntime", "--log-file", "/", "--fail-closed"], stdin: input, stdout: ends[1],
                stderr: ends[1]
            ).wait()
            #expect(outcome.exit == 1)
            #expect(outcome.milliseconds < 100)
        }
    }
}
