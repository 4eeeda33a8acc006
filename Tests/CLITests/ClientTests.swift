// SPDX-License-Identifier: Apache-2.0

import GRPCCore
import Testing
import TetragonAPI

/// The client as a program: what it writes where, and what it exits with.
@Suite(.serialized, .timeLimit(.minutes(1))) struct ClientTests {
    private let exec = Samples.exec(Samples.podProcess("/bin/sh", "-c x"))

    // MARK: - Without an agent

    @Test func aWrongCommandLineIsExitStatusTwo() async throws {
        for arguments in [
            "nonsense", "getevents -o xml", "status --server-address nowhere", "version --wrong",
            "getevents -e novel", "getevents --pid x", "getevents --namespace ,", "getevents word",
            "getevents --injected -F process.phase", "getevents --reconnect-wait soon", "getevents - --pod x",
            "getevents --stdin --reconnect", "getevents --aggregate soon", "getevents - --aggregate-processes",
            "top -n 0", "top -d 1ms", "top -o xml", "policy add", "policy delete",
            "sensors enable", "loglevel set loud", "processes word",
        ] {
            let outcome = try await ClientRun(shell: "exec $apus \(arguments)").outcome()
            #expect(outcome.status == 2, "\(arguments)")
            #expect(outcome.output.isEmpty)
            #expect(outcome.talk.contains("Usage: apus"))
        }
    }

    @Test func helpIsDataAndNoError() async throws {
        let outcome = try await ClientRun("--help").outcome()
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("getevents"))
        #expect(outcome.talk.isEmpty)
    }

    @Test func whoCannotBeReachedIsNamed() async throws {
        for command in ["getevents", "top", "processes", "status", "probe", "version"] {
            let outcome = try await ClientRun(command, "--server-address", "unix:///nonexistent/apus.sock").outcome()
            #expect(outcome.status == 1)
            #expect(
                outcome.talk.hasPrefix(
                    "apus: no connection to the agent at unix:///nonexistent/apus.sock: No such file or directory. "
                        + "Is apus-agent running?"))
        }
    }

    // MARK: - status and version

    @Test func statusIsALineForEachPart() async throws {
        try await FakeAgent().serving { address in
            let outcome = try await ClientRun("status", "--server-address", address).outcome()
            #expect(outcome.status == 0, "\(outcome.talk)")
            #expect(outcome.output == "server   \(address)\nversion  7.7\nagent    running\n")
        }
    }

    @Test func statusSaysWhatTheKernelLacks() async throws {
        try await FakeAgent(info: Samples.info).serving { address in
            let outcome = try await ClientRun("status", "--server-address", address).outcome()
            #expect(outcome.status == 0, "\(outcome.talk)")
            #expect(outcome.output.hasSuffix("agent    running\nkernel   without kprobe (apus probe says more)\n"))
        }
    }

    @Test func probeIsWhatTheAgentHasFound() async throws {
        try await FakeAgent(info: Samples.info).serving { address in
            let text = try await ClientRun("probe", "--server-address", address).outcome()
            #expect(text.status == 0, "\(text.talk)")
            #expect(text.output.hasPrefix("FEATURE  PRESENT  WHY\nbtf      yes\n"))
            let json = try await ClientRun("probe", "-o", "json", "--server-address", address).outcome()
            #expect(json.output.hasPrefix(#"{"probes":[{"Name":"btf","Enabled":true,"#))
        }
    }

    @Test func anAgentWithoutTheCallRefusesTheProbe() async throws {
        try await FakeAgent().serving { address in
            let outcome = try await ClientRun("probe", "--server-address", address).outcome()
            #expect(outcome.status == 1 && outcome.output.isEmpty)
            #expect(outcome.talk.contains("refused") && outcome.talk.contains("UNIMPLEMENTED"))
        }
    }

    @Test func anAgentThatDoesNotRunIsExitStatusOne() async throws {
        try await FakeAgent(health: .healthStatusStopped).serving { address in
            let outcome = try await ClientRun("status", "--server-address", address).outcome()
            #expect(outcome.status == 1)
            #expect(outcome.output.hasSuffix("agent    stopped\n"))
            #expect(outcome.talk.contains("does not run"))
        }
    }

    @Test func versionsOfBothSides() async throws {
        try await FakeAgent().serving { address in
            let outcome = try await ClientRun("version", "--server-address", address).outcome()
            #expect(outcome.status == 0)
            #expect(outcome.output.hasPrefix("client  "))
            #expect(outcome.output.hasSuffix("\nagent   7.7\n"))
        }
    }

    // MARK: - getevents

    @Test func eventsAreDataAndTheRestIsTalk() async throws {
        try await FakeAgent(events: [exec, exec, exec], staysOpen: false).serving { address in
            let outcome = try await ClientRun("getevents", "-o", "compact", "--server-address", address).outcome()
            #expect(outcome.status == 0, "\(outcome.talk)")
            #expect(outcome.output == String(repeating: "🚀 process shop/web-1/nginx /bin/sh -c x\n", count: 3))
            #expect(outcome.talk == "apus: subscribed to \(address)\napus: the agent has ended the stream\n")
        }
    }

    @Test func jsonIsTheFormatWhenNoneIsAskedFor() async throws {
        try await FakeAgent(events: [exec], staysOpen: false).serving { address in
            let outcome = try await ClientRun("getevents", "--server-address", address).outcome()
            #expect(outcome.output.hasPrefix(#"{"process_exec":{"process":{"#))
            #expect(outcome.output.hasSuffix("}\n"))
        }
    }

    @Test func anInterruptEndsItWithoutAnError() async throws {
        try await FakeAgent(events: [exec]).serving { address in
            let run = try ClientRun("getevents", "--server-address", address)
            #expect(try await run.hasSaid("subscribed"))
            run.interrupt()
            let outcome = try await run.outcome()
            #expect(outcome.status == 0)
            #expect(outcome.talk == "apus: subscribed to \(address)\n")
        }
    }

    @Test func anInterruptEndsItBeforeTheAgentIsReadyToo() async throws {
        let (requests, continuation) = AsyncStream<Void>.makeStream()
        try await FakeAgent(holdsHeaders: true, noteRequest: { _ in continuation.finish() }).serving { address in
            let run = try ClientRun("getevents", "--server-address", address)
            for await _ in requests {}
            run.interrupt()
            let outcome = try await run.outcome()
            #expect(outcome.status == 0)
            #expect(outcome.talk.isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(1))) func anInterruptEndsItWhereNobodyReadsWhatItPrints() async throws {
        try await FakeAgent(events: Array(repeating: exec, count: 5_000)).serving { address in
            // A pipe that the client holds open itself: more than fits is printed.
            let run = try ClientRun(
                shell: """
                    pipe=$(mktemp -u) && mkfifo "$pipe" && exec 3<>"$pipe" && rm "$pipe"
                    exec $apus getevents --server-address '\(address)' >&3
                    """)
            #expect(try await run.hasSaid("subscribed"))
            try await Task.sleep(for: .milliseconds(500))
            run.interrupt()
            #expect(try await run.outcome().status == 0)
        }
    }

    @Test func aReaderMayGoAtAnyTime() async throws {
        try await FakeAgent(events: Array(repeating: exec, count: 5_000)).serving { address in
            let command = "$apus getevents --server-address '\(address)' | head -n 1; exit ${PIPESTATUS[0]}"
            let outcome = try await ClientRun(shell: command).outcome()
            #expect(outcome.status == 0)
            #expect(outcome.output.split(separator: "\n").count == 1)
            #expect(outcome.talk == "apus: subscribed to \(address)\n")
        }
    }

    @Test func anAgentThatGoesIsExitStatusOne() async throws {
        let end = RPCError(code: .unavailable, message: "The agent is shutting down.")
        try await FakeAgent(events: [exec], staysOpen: false, end: end).serving { address in
            let outcome = try await ClientRun("getevents", "--server-address", address).outcome()
            #expect(outcome.status == 1)
            #expect(outcome.output.split(separator: "\n").count == 1)
            #expect(outcome.talk.hasSuffix("apus: the agent at \(address) has gone: The agent is shutting down\n"))
        }
    }
}
