// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

extension HookTests {
    /// Documents that are not what they should be: a line in the log, a defined exit, in time. Nobody listens here, so
    /// that a state which was understood shows by the attempt to tell the agent.
    struct InputTests {
        let scratch: Scratch

        init() throws {
            scratch = try Scratch()
        }

        @Test(
            "A state that cannot be understood",
            arguments: [
                ("", "parse error: premature EOF"),
                ("{", "parse error: premature EOF"),
                ("nonsense", "lexical error"),
                ("{\"id\":\"a\",\"bundle\":\"/b\"} trailing", "error"),
                ("{\"id\":\"a\",,}", "parse error"),
                ("[]", "the document has the wrong JSON type"),
                ("{\"bundle\":\"/b\"}", "id is missing"),
                ("{\"id\":\"a\"}", "bundle is missing"),
                ("{\"id\":\"a\",\"bundle\":\"b\"}", "bundle is not an absolute path"),
                ("{\"id\":{},\"bundle\":\"/b\"}", "id has the wrong JSON type"),
                ("{\"id\":\"a\",\"pid\":1e999,\"bundle\":\"/b\"}", "pid is not a process id"),
            ])
        func state(text: String, reason: String) throws {
            try expectFailure(text, reason)
        }

        @Test("A state without end or without bottom")
        func excessiveState() throws {
            try expectFailure("{\"x\":" + String(repeating: "[", count: 100_000), "nested deeper than 64 levels")
            try expectFailure(String(repeating: " ", count: (1 << 20) + 1), "longer than 1048576 bytes")
        }

        private func expectFailure(_ text: String, _ reason: String) throws {
            unlink(scratch.log)
            let outcome = try scratch.hook(input: .text(text))
            #expect(outcome.exit == 0)
            #expect(outcome.milliseconds < 1100)
            #expect(scratch.logLines.count == 1)
            #expect(scratch.logLines[0].contains("level=error msg=\"cannot read the OCI state\""))
            #expect(scratch.logLines[0].contains(reason), "\(scratch.logLines)")
            #expect(try scratch.hook("createRuntime", ["--fail-closed"], input: .text(text)).exit == 1)
        }

        @Test("Invalid UTF-8 in the state")
        func invalidUTF8() throws {
            let file = scratch.write("bad.json", "")
            let descriptor = open(file, O_RDWR)
            defer { close(descriptor) }
            let bytes = Array("{\"id\":\"a".utf8) + [0xff, 0xfe] + Array("\",\"bundle\":\"/b\"}".utf8)
            _ = Glibc.write(descriptor, bytes, bytes.count)
            lseek(descriptor, 0, SEEK_SET)
            let outcome = try scratch.run(
                [Program.hook, "createRuntime", "--log-file", scratch.log], input: descriptor)
            #expect(outcome.exit == 0)
            #expect(scratch.logLines.last?.contains("invalid bytes in UTF8 string") == true, "\(scratch.logLines)")
        }

        @Test("A state of exactly the limit is read")
        func largestState() throws {
            let state = scratch.state()
            let padding = String(repeating: " ", count: (1 << 20) - state.utf8.count)
            #expect(try scratch.hook(input: .text(state + padding)).exit == 0)
            #expect(scratch.logLines.last?.contains("cannot tell the agent") == true)
        }

        @Test(
            "A config.json that cannot be understood",
            arguments: [
                ("{", "premature EOF"),
                ("{\"annotations\":{\"a\":1}}", "annotations has the wrong JSON type"),
            ])
        func spec(text: String, reason: String) throws {
            scratch.write("bundle/config.json", text)
            try expectFallback(reason)
        }

        @Test("A config.json without end or without bottom")
        func excessiveSpec() throws {
            scratch.write("bundle/config.json", "{\"x\":" + String(repeating: "[", count: 1_000_000))
            try expectFallback("nested deeper than 64 levels")
            scratch.write("bundle/config.json", "{}" + String(repeating: " ", count: 16 << 20))
            try expectFallback("longer than 16777216 bytes")
        }

        @Test("A FIFO in config.json's place does not hold the hook")
        func fifo() throws {
            mkfifo(scratch.bundle + "/config.json", 0o644)
            try expectFallback("not a regular file")
        }

        @Test("A symbolic link in config.json's place is not followed")
        func link() throws {
            scratch.write("elsewhere", "{}")
            symlink("../elsewhere", scratch.bundle + "/config.json")
            try expectFallback("it is a symbolic link")
        }

        @Test("A magic link on the way to config.json is not followed", arguments: ["root", "cwd"])
        func magicLink(name: String) throws {
            scratch.write("bundle/config.json", "{}")
            let bundle = "/proc/self/\(name)" + (name == "root" ? scratch.bundle : "/bundle")
            let state = #"{"id":"demo","bundle":"\#(bundle)"}"#
            #expect(try scratch.hook(input: .text(state), directory: scratch.path).exit == 0)
            #expect(scratch.logLines.first?.contains("it is a symbolic link, or leads through too many") == true)
        }

        @Test("A directory, and nothing at all")
        func noFile() throws {
            try expectFallback("No such file or directory")
            mkdir(scratch.bundle + "/config.json", 0o755)
            try expectFallback("not a regular file")
        }

        @Test("A cgroupsPath that names no cgroup is left out")
        func cgroupsPath() throws {
            scratch.write("bundle/config.json", "{\"linux\":{\"cgroupsPath\":\"/a/../../b\"}}")
            #expect(try scratch.hook().exit == 0)
            #expect(scratch.logLines.first?.contains("it contains the component ..") == true)
        }

        @Test("Text of strangers cannot forge log lines")
        func forgery() throws {
            let id = #"x\nlevel=info msg=\"all is well\""#
            #expect(try scratch.hook(input: .text(scratch.state(id: id))).exit == 0)
            #expect(scratch.logLines.allSatisfy { $0.hasPrefix("time=") && !$0.contains(" level=info") })
        }

        /// Each byte of it takes four in a line.
        private static let unprintable = String(repeating: "\u{1}", count: 512)

        @Test("What strangers say makes no line longer than a pipe takes whole")
        func longLines() throws {
            let id = String(repeating: #"\u0001"#, count: 512)
            let outcome = try scratch.hook(
                "createRuntime", ["--fail-closed", "--agent-address", "unix:/" + Self.unprintable],
                input: .text(scratch.state(id: id)))
            #expect(outcome.exit == 1)
            #expect(outcome.errors.utf8.count <= 4096 && outcome.errors.utf8.last == UInt8(ascii: "\n"))
            #expect(outcome.errors.utf8.count { $0 == UInt8(ascii: "\n") } == 1)
            #expect(scratch.logLines.count == 2 && scratch.logLines.allSatisfy { $0.utf8.count < 4096 })
            #expect(scratch.logLines.allSatisfy { $0.hasPrefix("time=") })
        }

        @Test("What a time-out says of a stranger is cut")
        func longContext() throws {
            let agent = try RudeAgent(scratch, .silent)
            defer { agent.stop() }
            let id = String(repeating: #"\u0001"#, count: 512)
            let outcome = try scratch.hook(
                "createRuntime", ["--timeout", "300ms"], input: .text(scratch.state(id: id)))
            #expect(outcome.exit == 0)
            let line = try #require(scratch.logLines.last)
            #expect(line.contains("timed out") && line.hasSuffix("\\x01") && line.utf8.count < 2300, "\(line)")
        }

        @Test("Nor can it forge one by a time-out")
        func forgeryInTime() throws {
            let agent = try RudeAgent(scratch, .silent)
            defer { agent.stop() }
            let id = #"x\nlevel=info msg=\"all is well\""#
            let outcome = try scratch.hook(
                "createRuntime", ["--timeout", "300ms"], input: .text(scratch.state(id: id)))
            #expect(outcome.exit == 0)
            #expect(scratch.logLines.last?.contains("timed out") == true)
            #expect(scratch.logLines.allSatisfy { $0.hasPrefix("time=") && !$0.contains(" level=info") })
        }

        @Test("A standard input that does not block is waited for")
        func nonblockingInput() throws {
            var ends: [Int32] = [0, 0]
            pipe(&ends)
            defer { close(ends[0]) }
            _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
            _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
            let running = try Running(
                [
                    Program.hook, "createRuntime", "--agent-address", "unix://" + scratch.socket, "--log-file",
                    scratch.log,
                ], stdin: ends[0], stdout: 1, stderr: 1)
            usleep(100_000)
            let state = Array(scratch.state().utf8)
            _ = Glibc.write(ends[1], state, state.count)
            close(ends[1])
            #expect(running.wait().exit == 0)
            #expect(scratch.logLines.last?.contains("cannot tell the agent") == true, "\(scratch.logLines)")
        }

        private func expectFallback(_ reason: String) throws {
            let outcome = try scratch.hook()
            #expect(outcome.exit == 0)
            #expect(outcome.milliseconds < 1100)
            let lines = scratch.logLines.suffix(2)
            #expect(lines.first?.contains("cannot read config.json, using the annotations of the state") == true)
            #expect(lines.first?.contains(reason) == true, "\(lines)")
            #expect(lines.last?.contains("cannot tell the agent") == true)
        }
    }
}
