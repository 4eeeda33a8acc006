// SPDX-License-Identifier: Apache-2.0
import Foundation
import Models
import Testing

extension HookTests {
    /// What the agent could not be told is left for its next start, where root alone can have left it.
    struct SpoolTests {
        static let timeout = 300.0, tolerance = 100.0

        let scratch: Scratch
        private var spool: String { scratch.path + "/spool" }
        private var flags: [String] { ["--spool-dir", spool, "--timeout", "300ms"] }

        init() throws {
            scratch = try Scratch()
            scratch.write("bundle/config.json", #"{"annotations":{"io.kubernetes.pod.name":"shop-1"}}"#)
            mkdir(spool, 0o700)
        }

        private var left: [String] {
            guard let directory = opendir(spool) else { return [] }
            defer { closedir(directory) }
            var names: [String] = []
            while let entry = readdir(directory) {
                names.append(
                    withUnsafePointer(to: &entry.pointee.d_name) {
                        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                    })
            }
            return names.filter { $0 != "." && $0 != ".." }
        }

        /// The hook's request without what holds for its own time only.
        private func expected(_ stage: String = "createRuntime", annotated: Bool = true) -> RuntimeHookRequest {
            var request = RuntimeHookRequest()
            if annotated {
                request.annotations.append("io.kubernetes.pod.name", "shop-1")
            }
            request.podName = "shop-1"
            request.containerID = "demo"
            request.stage = stage
            request.bundle = scratch.bundle
            return request
        }

        private func expectLeft(_ request: RuntimeHookRequest, _ lines: Int = 2) {
            #expect(left == ["demo"])
            let bytes = FileManager.default.contents(atPath: spool + "/demo") ?? Data()
            #expect(bytes.hexadecimal == request.hexadecimal)
            var status = stat()
            lstat(spool + "/demo", &status)
            #expect(status.st_mode == S_IFREG | 0o600)
            #expect(scratch.logLines.count == lines, "\(scratch.logLines)")
            #expect(scratch.logLines.last?.contains("msg=\"left the request for the agent's next start\"") == true)
            #expect(scratch.logLines.last?.contains("id=demo") == true)
        }

        @Test("An agent that is not there", arguments: [0, 0o077] as [mode_t])
        func noSocket(mask: mode_t) throws {
            let before = umask(mask)
            defer { umask(before) }
            #expect(try scratch.hook("createRuntime", flags).exit == 0)
            expectLeft(expected())
        }

        @Test("An agent that does not answer: in time all the same", arguments: [RudeAgent.Manners.silent, .full])
        func noAnswer(manners: RudeAgent.Manners) throws {
            let agent = try RudeAgent(scratch, manners)
            defer { agent.stop() }
            let outcome = try scratch.hook("createContainer", flags)
            #expect(outcome.exit == 0)
            #expect(outcome.milliseconds >= Self.timeout * 0.9)
            #expect(outcome.milliseconds < Self.timeout + Self.tolerance)
            expectLeft(expected("createContainer"))
        }

        @Test("An agent that is going")
        func goingAgent() throws {
            let agent = try FakeAgent(scratch, status: 14, message: "going")
            #expect(try scratch.hook("createRuntime", flags).exit == 0)
            #expect(agent.requests.count == 1)
            expectLeft(expected())
        }

        @Test("An agent that takes or refuses the container leaves nothing to tell", arguments: [nil, 7, 13])
        func answered(status: Int?) throws {
            let agent = try FakeAgent(scratch, status: status)
            #expect(try scratch.hook("createRuntime", flags).exit == 0)
            #expect(agent.requests.count == 1)
            #expect(left.isEmpty && scratch.logLines.count == 1)
        }

        @Test("A container that is not to start leaves nothing, and nothing is left without the flag")
        func notAsked() throws {
            #expect(try scratch.hook("createRuntime", flags + ["--fail-closed"]).exit == 1)
            #expect(try scratch.hook("createRuntime", ["--timeout", "300ms"]).exit == 0)
            #expect(left.isEmpty && scratch.logLines.count == 2)
        }

        @Test("The same container again takes its former file's place")
        func again() throws {
            #expect(try scratch.hook("createRuntime", flags).exit == 0)
            #expect(try scratch.hook("createContainer", flags).exit == 0)
            expectLeft(expected("createContainer"), 4)
        }

        @Test("Mounts are not left, and annotations as far as they fit")
        func large() throws {
            let text = String(repeating: "x", count: 70_000)
            scratch.write(
                "bundle/config.json",
                """
                {"mounts":[{"destination":"\(text)"}],"annotations":{"io.kubernetes.pod.name":"shop-1"}}
                """)
            #expect(try scratch.hook("createRuntime", flags).exit == 0)
            expectLeft(expected())
            scratch.write(
                "bundle/config.json", "{\"annotations\":{\"io.kubernetes.pod.name\":\"shop-1\",\"x\":\"\(text)\"}}")
            #expect(try scratch.hook("createRuntime", flags).exit == 0)
            expectLeft(expected(annotated: false), 4)
        }

        @Test(
            "A directory that others may have a hand in is left alone, and that is one line",
            arguments: ["group", "world", "foreign", "link", "file", "missing", "full"])
        func unfit(kind: String) throws {
            switch kind {
            case "group": chmod(spool, 0o770)
            case "world": chmod(spool, 0o707)
            case "foreign": chown(spool, 65534, 65534)
            case "link":
                rename(spool, scratch.path + "/elsewhere")
                symlink("elsewhere", spool)
            case "file":
                rmdir(spool)
                scratch.write("spool", "precious")
            case "missing": rmdir(spool)
            default: for number in 0..<1000 { scratch.write("spool/c\(number)", "") }
            }
            for (closed, exit) in [([], 0), (["--fail-closed"], 1)] as [([String], Int32)] {
                #expect(try scratch.hook("createRuntime", flags + closed).exit == exit)
            }
            #expect(scratch.logLines.count == 3, "\(scratch.logLines)")
            #expect(
                scratch.logLines.dropFirst().first?.contains(
                    "level=warning msg=\"cannot leave the request in the spool\" error=") == true)
            #expect(!left.contains("demo") && left.count == (kind == "full" ? 1000 : 0))
        }

        @Test("The file is root's to read and write, whatever the umask")
        func ownersMode() throws {
            let script = "umask 0777; exec \"$@\""
            let outcome = try scratch.hook("createRuntime", flags, wrapper: ["/bin/sh", "-c", script, "sh"])
            #expect(outcome.exit == 0)
            expectLeft(expected())
        }

        @Test("What cannot have its name leaves nothing half done")
        func nameTaken() throws {
            mkdir(spool + "/demo", 0o700)
            #expect(try scratch.hook("createRuntime", flags).exit == 0)
            #expect(left == ["demo"])
            #expect(scratch.logLines.last?.contains("cannot leave the request in the spool") == true)
        }

        @Test("999 files are not too many")
        func almostFull() throws {
            for number in 0..<999 { scratch.write("spool/c\(number)", "") }
            #expect(try scratch.hook("createRuntime", flags).exit == 0)
            #expect(left.count == 1000 && left.contains("demo"))
        }

        @Test("An id that is no file name is not made one", arguments: ["../demo", ".demo", "a/b", "", "n\\u0000m"])
        func hostileID(id: String) throws {
            let outcome = try scratch.hook("createRuntime", flags, input: .text(scratch.state(id: id)))
            #expect(outcome.exit == 0)
            #expect(left.isEmpty)
            #expect(access(scratch.path + "/demo", F_OK) != 0)
        }

        @Test("What has no file's name or does not fit is told of, and not left")
        func unfitRequest() throws {
            let id = String(repeating: "a", count: 256)
            #expect(try scratch.hook("createRuntime", flags, input: .text(scratch.state(id: id))).exit == 0)
            #expect(scratch.logLines.first?.contains("error=\"its id is no file name\"") == true)
            #expect(left.isEmpty)
            let path = String(repeating: "x", count: 70_000)
            scratch.write("bundle/config.json", "{\"root\":{\"path\":\"/\(path)\"}}")
            unlink(scratch.log)
            #expect(try scratch.hook("createRuntime", flags).exit == 0)
            #expect(scratch.logLines.first?.contains("error=\"it is too large\"") == true)
            #expect(left.isEmpty)
        }

        @Test("A relative directory would be the image's")
        func relative() throws {
            let outcome = try scratch.hook("createRuntime", ["--spool-dir", "spool"], directory: scratch.path)
            #expect(outcome.exit == 0)
            #expect(left.isEmpty)
            #expect(scratch.logLines.first?.contains("--spool-dir spool is no absolute path") == true)
        }
    }

    /// Where the hook itself is.
    struct OwnFileTests {
        let scratch: Scratch

        init() throws {
            scratch = try Scratch()
            scratch.write("bundle/config.json", "{}")
        }

        @Test(
            "A hook that others may write to says so, and does its work",
            arguments: [(0o755, false), (0o775, true), (0o757, true)] as [(mode_t, Bool)])
        func writable(mode: mode_t, isTold: Bool) throws {
            let agent = try FakeAgent(scratch)
            let copy = scratch.path + "/hook"
            _ = try scratch.run(["/bin/cp", Program.hook, copy])
            chmod(copy, mode)
            #expect(try scratch.hook("createRuntime", program: copy).exit == 0)
            #expect(agent.requests.count == 1)
            #expect(scratch.logLines.count { $0.contains("writable by group or others") } == (isTold ? 1 : 0))
        }
    }
}
