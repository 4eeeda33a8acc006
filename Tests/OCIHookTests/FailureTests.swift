// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

extension HookTests {
    /// The agent cannot be told: the container starts, in time, and the log says why.
    struct FailureTests {
        /// What a timer of 300 ms may be late, process start and end included.
        static let timeout = 300.0, tolerance = 100.0
        static let flags = ["--timeout", "300ms"]

        let scratch: Scratch

        init() throws {
            scratch = try Scratch()
            scratch.write("bundle/config.json", "{\"annotations\":{\"io.kubernetes.pod.namespace\":\"shop\"}}")
        }

        private func expectStart(_ outcome: Outcome, _ line: String, after milliseconds: Double = 0) {
            #expect(outcome.exit == 0)
            #expect(outcome.errors == "")
            #expect(outcome.milliseconds >= milliseconds)
            #expect(outcome.milliseconds < milliseconds + Self.tolerance)
            #expect(scratch.logLines.count == 1)
            #expect(scratch.logLines.last?.contains(line) == true, "\(scratch.logLines)")
        }

        @Test("No socket")
        func noSocket() throws {
            expectStart(
                try scratch.hook("createRuntime", Self.flags),
                "level=error msg=\"cannot tell the agent\" stage=createRuntime id=demo agent=unix://\(scratch.socket) "
                    + "error=\"connecting: No such file or directory\"")
        }

        @Test("A socket that nobody listens on")
        func deadSocket() throws {
            try RudeAgent(scratch, .silent).stop()
            expectStart(try scratch.hook("createRuntime", Self.flags), "error=\"connecting: Connection refused\"")
        }

        @Test(
            "An agent that never answers, in each of the ways to do that",
            arguments: [
                (RudeAgent.Manners.silent, "waiting for the agent's answer"),
                (.dribbling, "waiting for the agent's answer"),
                (.full, "connecting to the agent"),
            ])
        func noAnswer(manners: RudeAgent.Manners, phase: String) throws {
            let agent = try RudeAgent(scratch, manners)
            defer { agent.stop() }
            expectStart(
                try scratch.hook("createContainer", Self.flags),
                "level=error msg=\"timed out\" phase=\"\(phase)\" stage=createContainer id=demo", after: Self.timeout)
        }

        @Test(
            "Something else that listens there",
            arguments: [
                (RudeAgent.Manners.gibberish, "HTTP/2: "),
                (.hangingUp, "cannot tell the agent"),
                (.leaving, "the agent closed the connection without an answer"),
            ])
        func wrongAnswer(manners: RudeAgent.Manners, text: String) throws {
            let agent = try RudeAgent(scratch, manners)
            defer { agent.stop() }
            expectStart(try scratch.hook("createRuntime", Self.flags), text)
        }

        @Test("An agent that refuses")
        func refusal() throws {
            let agent = try FakeAgent(scratch, status: 13, message: "no such\ncgroup")
            let outcome = try scratch.hook()
            #expect(outcome.exit == 0)
            #expect(agent.requests.count == 1)
            #expect(
                scratch.logLines.last?.contains("error=\"the agent answered gRPC status 13: no such%0Acgroup\"") == true
            )
        }

        @Test("A standard input that never ends")
        func stuckInput() throws {
            expectStart(
                try scratch.hook("createRuntime", Self.flags, input: .stuck),
                "msg=\"timed out\" phase=\"reading the OCI state from standard input\"", after: Self.timeout)
        }

        @Test("The alarm comes although the runtime's signal mask holds it back")
        func blockedAlarm() throws {
            let agent = try RudeAgent(scratch, .silent)
            defer { agent.stop() }
            var (blocked, before) = (sigset_t(), sigset_t())
            sigfillset(&blocked)
            pthread_sigmask(SIG_SETMASK, &blocked, &before)
            defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
            expectStart(try scratch.hook("createRuntime", Self.flags), "msg=\"timed out\"", after: Self.timeout)
        }

        @Test("--fail-closed fails the container, and says why in one line")
        func failClosed() throws {
            let outcome = try scratch.hook("createRuntime", ["--fail-closed"])
            #expect(outcome.exit == 1)
            let lines = outcome.errors.split(separator: "\n")
            #expect(lines.count == 1)
            #expect(lines.first?.contains("failing the container") == true)
            #expect(lines.first?.contains("connecting: No such file or directory") == true)
            #expect(scratch.logLines.count == 1)
        }

        @Test("--fail-closed holds for time-outs as well")
        func failClosedInTime() throws {
            let agent = try RudeAgent(scratch, .silent)
            defer { agent.stop() }
            let outcome = try scratch.hook("createRuntime", Self.flags + ["--fail-closed"])
            #expect(outcome.exit == 1)
            #expect(outcome.milliseconds < Self.timeout + Self.tolerance)
            #expect(outcome.errors.split(separator: "\n").count == 1)
            #expect(outcome.errors.contains("timed out"))
        }

        @Test(
            "--fail-allow-namespaces lets containers of these namespaces start",
            arguments: [("shop", 0), ("kube-system,shop", 0), ("sho", 1), ("shop2", 1), ("", 1), ("kube-system", 1)])
        func allowed(namespaces: String, exit: Int32) throws {
            let flags = ["--fail-closed", "--fail-allow-namespaces=" + namespaces]
            #expect(try scratch.hook("createRuntime", flags).exit == exit)
            let agent = try RudeAgent(scratch, .silent)
            defer { agent.stop() }
            #expect(try scratch.hook("createRuntime", flags + Self.flags).exit == exit)
        }

        @Test("A container without a namespace is in none of the allowed ones")
        func noNamespace() throws {
            scratch.write("bundle/config.json", "{}")
            #expect(try scratch.hook("createRuntime", ["--fail-closed"]).exit == 1)
            #expect(try scratch.hook("createRuntime", ["--fail-closed"], input: .text("")).exit == 1)
            let gaps = ["--fail-closed", "--fail-allow-namespaces", ",shop,,"]
            #expect(try scratch.hook("createRuntime", gaps).exit == 1)
        }

        @Test(
            "The state's annotations name the namespace where there is no config.json",
            arguments: [("shop", 0), ("x", 1)])
        func stateNamespace(namespace: String, exit: Int32) throws {
            unlink(scratch.bundle + "/config.json")
            let annotations = "{\"io.kubernetes.pod.namespace\":\"\(namespace)\"}"
            let flags = ["--fail-closed", "--fail-allow-namespaces", "shop"]
            let state = scratch.state(annotations: annotations)
            #expect(try scratch.hook("createRuntime", flags, input: .text(state)).exit == exit)
        }

        @Test("--fail-closed with an agent that answers is no different")
        func failClosedSuccess() throws {
            let agent = try FakeAgent(scratch)
            let outcome = try scratch.hook("createRuntime", ["--fail-closed"])
            #expect(outcome.exit == 0)
            #expect(outcome.errors == "")
            #expect(agent.requests.count == 1)
        }
    }
}
