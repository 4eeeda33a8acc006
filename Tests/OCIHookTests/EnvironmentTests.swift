// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

extension HookTests {
    /// In createContainer the hook may be given the image's environment and working directory. Nothing in them counts.
    struct EnvironmentTests {
        static let hostile = [
            "LD_PRELOAD=/evil/preload.so", "LD_LIBRARY_PATH=/evil/lib", "LD_AUDIT=/evil/audit.so",
            "GLIBC_TUNABLES=glibc.malloc.top_pad=9223372036854775807:glibc.malloc.check=3",
            "MALLOC_TRACE=/evil/trace", "LANG=evil", "LC_ALL=evil", "LANGUAGE=evil", "LOCPATH=/evil/locale",
            "NLSPATH=/evil/%N", "TZ=/evil/zone", "RES_OPTIONS=debug", "SWIFT_DEBUG_HELP=1",
            "SWIFT_DEBUG_LIB_PRESPECIALIZED_PATH=/evil/lib.so",
            "SWIFT_BACKTRACE=enable=yes,swift-backtrace=/evil/trace",
            "SWIFT_ROOT=/evil", "HOME=/evil", "TMPDIR=/evil", "PATH=/evil",
        ]

        let scratch: Scratch

        init() throws {
            scratch = try Scratch()
            scratch.write("bundle/config.json", "{}")
        }

        /// The system calls of a run under strace, in this environment.
        private func trace(
            _ environment: [String], _ flags: [String] = [], program: String = Program.hook
        ) throws -> (outcome: Outcome, calls: [String]) {
            let strace = try #require(Program.find("strace"))
            let wrapper =
                [strace, "-f", "-o", scratch.path + "/trace", "-s", "256"] + environment.flatMap { ["-E", $0] }
            let outcome = try scratch.hook(
                "createContainer", flags, directory: scratch.path, program: program, wrapper: wrapper)
            // Without the process id that starts a line, and the lines on how it ended.
            let lines = scratch.read("trace").split(separator: "\n").compactMap { line in
                line.split(separator: " ", maxSplits: 1).last.map { String($0.drop { $0 == " " }) }
            }
            return (outcome, lines.filter { !$0.hasPrefix("+++") && !$0.hasPrefix("---") })
        }

        private func names(_ calls: [String]) -> [String] {
            calls.map { String($0.prefix { $0 != "(" }) }
        }

        @Test("A hostile environment changes no system call")
        func sameCalls() throws {
            let plain = try trace([])
            let hostile = try trace(Self.hostile)
            #expect(plain.outcome.exit == 0)
            #expect(hostile.outcome.exit == 0)
            #expect(hostile.outcome.output == "")
            #expect(hostile.outcome.errors == plain.outcome.errors)
            #expect(names(hostile.calls) == names(plain.calls))
            #expect(hostile.calls.dropFirst().allSatisfy { !$0.contains("evil") })
        }

        @Test("Each hostile variable by itself, over a whole conversation", arguments: hostile)
        func conversation(variable: String) throws {
            let agent = try FakeAgent(scratch)
            let outcome = try scratch.hook("createContainer", environment: [variable], directory: scratch.path)
            #expect(outcome.exit == 0)
            #expect(outcome.output == "")
            #expect(outcome.errors == "")
            #expect(agent.requests.count == 1)
        }

        @Test(
            "A fault ends in the log and by the fail mode, and starts nothing",
            arguments: [("trap", "SIGILL"), ("segfault", "SIGSEGV"), ("abort", "SIGABRT"), ("overflow", "SIGSEGV")])
        func faults(failpoint: String, signal: String) throws {
            let flags = ["--failpoint", failpoint]
            let (outcome, calls) = try trace(Self.hostile, flags, program: Program.debugHook)
            #expect(outcome.exit == 0)
            #expect(outcome.output == "")
            #expect(scratch.logLines.last?.contains("msg=\"the hook crashed\" signal=\(signal)") == true)
            #expect(names(calls).filter { ["fork", "vfork", "clone", "clone3"].contains($0) }.isEmpty)
            #expect(names(calls).filter { $0 == "execve" }.count == 1)
            #expect(calls.dropFirst().allSatisfy { !$0.contains("evil") })

            let closed = try scratch.hook("createContainer", flags + ["--fail-closed"], program: Program.debugHook)
            #expect(closed.exit == 1)
            #expect(closed.errors.contains("signal=\(signal)"))
        }

        @Test("No interpreter, no shared library, no writable code, no symbols; small")
        func binary() throws {
            let readelf = try #require(Program.find("readelf"))
            let headers = try scratch.run([readelf, "--program-headers", "--dynamic", "--wide", Program.hook])
            #expect(headers.exit == 0)
            #expect(!headers.output.contains("INTERP"))
            #expect(!headers.output.contains("NEEDED"))
            #expect(!headers.output.contains("RWE"))
            var status = stat()
            stat(Program.hook, &status)
            #expect(status.st_size > 0 && status.st_size <= 2_000_000)
        }

        @Test("Missing standard descriptors do not turn the log file into one of them")
        func closedDescriptors() throws {
            let script = "exec \"$0\" createRuntime --log-file \"$1\" <&- >&- 2>&-"
            let outcome = try scratch.run(["/bin/sh", "-c", script, Program.hook, scratch.log])
            #expect(outcome.exit == 0)
            #expect(scratch.logLines.count == 1)
            #expect(scratch.logLines.last?.contains("cannot read the OCI state") == true)
        }

        @Test("What is meant for a missing stderr does not get into the log file")
        func closedErrors() throws {
            let script = "exec \"$0\" createRuntime --fail-closed --log-file \"$1\" 2>&-"
            let outcome = try scratch.run(["/bin/sh", "-c", script, Program.hook, scratch.log])
            #expect(outcome.exit == 1)
            #expect(scratch.logLines.count == 1 && scratch.logLines[0].hasPrefix("time="), "\(scratch.logLines)")
        }

        @Test("A fault while a fault is being told ends by the fail mode as well")
        func secondFault() throws {
            let flags = ["--failpoint", "twice"]
            #expect(try scratch.hook("createContainer", flags, program: Program.debugHook).exit == 0)
            let closed = try scratch.hook("createContainer", flags + ["--fail-closed"], program: Program.debugHook)
            #expect(closed.exit == 1)
            #expect(scratch.logLines.isEmpty)
        }

        @Test("Memory stays small while it waits")
        func memory() throws {
            let agent = try RudeAgent(scratch, .silent)
            defer { agent.stop() }
            let input = open(scratch.write("state.json", scratch.state()), O_RDONLY)
            defer { close(input) }
            let running = try Running(
                [Program.hook, "createRuntime", "--agent-address", "unix://" + scratch.socket, "--timeout", "500ms"],
                stdin: input, stdout: 1, stderr: 1)
            usleep(250_000)
            let status = Scratch.contents("/proc/\(running.pid)/status")
            _ = running.wait()
            let peak = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
            let kibibytes = peak?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap {
                Int($0)
            }
            #expect(try #require(kibibytes) <= 1500)
        }
    }
}
