// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRPCCore
import SwiftProtobuf
import Synchronization
import Testing
import TetragonAPI

/// What `apus getevents` and `apus top` ask for, and what they do when it ends.
@Suite(.serialized, .timeLimit(.minutes(1))) struct SubscriptionTests {
    private final class Requests: Sendable {
        let all = Mutex<[Tetragon_GetEventsRequest]>([])
        var first: Tetragon_GetEventsRequest? { all.withLock(\.first) }
        var count: Int { all.withLock(\.count) }
    }

    private let pod = Samples.exec(Samples.podProcess("/bin/sh", "-c x"))
    private let injected = Samples.exec(Samples.podProcess("/bin/id", inInitTree: false))

    @Test func flagsAreTheFilterOfTheRequest() async throws {
        let requests = Requests()
        let agent = FakeAgent(
            staysOpen: false, noteRequest: { request in requests.all.withLock { $0.append(request) } })
        let flags = """
            -n shop,test --namespace=prod --host --namespace-regex ^p --pod web --label app=a,b!=c --container nginx \
            --containers side --container-id ^01 --process sh$ --arguments -c --parent runc --parent-arguments --x \
            --ancestor sshd --pid 1,2 --pid-set 3 -e exec,PROCESS_EXIT --policy-names p,q --cel true \
            --cel-expression false --no-probes -f process.binary,process.pid -F parent
            """
        let outcome = try await agent.serving { address in
            try await ClientRun(shell: "exec $apus getevents \(flags) --server-address '\(address)'").outcome()
        }
        #expect(outcome.status == 0, "\(outcome.talk)")
        let expected = Tetragon_Filter.with {
            $0.namespace = ["shop", "test", "prod", ""]
            $0.namespaceRegex = ["^p"]
            $0.podRegex = ["web"]
            $0.labels = ["app=a,b!=c"]
            $0.containerNameRegex = ["nginx", "side"]
            $0.containerID = ["^01"]
            $0.binaryRegex = ["sh$"]
            $0.argumentsRegex = ["-c"]
            $0.parentBinaryRegex = ["runc"]
            $0.parentArgumentsRegex = ["--x"]
            $0.ancestorBinaryRegex = ["sshd"]
            $0.pid = [1, 2]
            $0.pidSet = [3]
            $0.eventSet = [.processExec, .processExit]
            $0.policyNames = ["p", "q"]
            $0.celExpression = ["true", "false"]
        }
        #expect(requests.first?.allowList == [expected])
        #expect(requests.first?.denyList == [.with { $0.healthCheck = true }])
        #expect(requests.first?.fieldFilters.map(\.fields.paths) == [["process.binary", "process.pid"], ["parent"]])
    }

    @Test func injectedLeavesOutWhatMakesAContainer() async throws {
        var setUp = injected
        setUp.processExec.process.phase = .phaseSetup
        try await FakeAgent(events: [setUp, injected], staysOpen: false).serving { address in
            let outcome = try await ClientRun("getevents", "--injected", "-o", "compact", "--server-address", address)
                .outcome()
            #expect(outcome.output == "🚀 process shop/web-1/nginx ⚡injected /bin/id\n")
        }
    }

    // MARK: - When the stream ends

    @Test func reconnectWaitsForAnAgentAndForTheNext() async throws {
        let path = FakeAgent.newPath()
        let run = try ClientRun(
            "getevents", "-o", "table", "--reconnect", "--reconnect-wait", "100ms", "--server-address", "unix://\(path)"
        )
        #expect(try await run.hasSaid("No such file or directory; trying until it is there\n"))
        for round in 1...2 {
            let end = RPCError(code: .unavailable, message: "The agent is shutting down.")
            let agent = FakeAgent(events: [pod], staysOpen: round == 2, end: end)
            try await agent.serving(at: path) { _ in
                let isSubscribed = try await run.hasSaid("subscribed to unix://\(path)\n")
                // A header, and an event a round.
                let hasPrinted = try await run.hasPrinted(lines: 1 + round)
                #expect(isSubscribed && hasPrinted)
            }
        }
        run.interrupt()
        let outcome = try await run.outcome()
        #expect(outcome.status == 0)
        let lines = outcome.output.split(separator: "\n")
        #expect(lines.count >= 3 && lines.count { $0.hasPrefix("TIME") } == 1)
        let talk = outcome.talk.split(separator: "\n")
        #expect(talk.count { $0.contains("trying until") } == 1)
        #expect(talk.count { $0.contains("has ended the stream: The agent is shutting down; what happens") } == 2)
    }

    @Test func aRefusalIsNotTriedAgain() async throws {
        let agent = FakeAgent(noteRequest: { _ in }, refusal: RPCError(code: .invalidArgument, message: "bad regex"))
        try await agent.serving { address in
            let outcome = try await ClientRun("getevents", "--reconnect", "--pod", "(", "--server-address", address)
                .outcome()
            #expect(outcome.status == 1)
            #expect(outcome.talk == "apus: the agent at \(address) refused: bad regex (INVALID_ARGUMENT)\n")
        }
    }

    // MARK: - stdin

    private func reading(_ input: String, _ arguments: String) async throws -> ClientRun.Outcome {
        let file = FileManager.default.temporaryDirectory.appending(path: "apus-cli-\(UUID().uuidString).json")
        try Data(input.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        return try await ClientRun(shell: "cat '\(file.path)' | $apus getevents \(arguments)").outcome()
    }

    @Test func eventsFromStdinLookLikeThoseOfAnAgent() async throws {
        let lines = try pod.jsonString() + "\n" + "level=info msg=ready\n" + injected.jsonString()
        for flag in ["-", "--stdin"] {
            let outcome = try await reading(lines, "\(flag) -o compact")
            #expect(outcome.status == 0)
            #expect(
                outcome.output == "🚀 process shop/web-1/nginx /bin/sh -c x\n"
                    + "🚀 process shop/web-1/nginx ⚡injected /bin/id\n")
            #expect(
                outcome.talk
                    == "apus: 1 of 3 lines was no event, the first of them line 2: it is no JSON of an event\n")
        }
        #expect(try await reading(lines, "- --injected -o compact").output.split(separator: "\n").count == 1)
        #expect(try await reading("", "-").status == 0)
    }

    @Test func anInterruptEndsTheReadingWithoutAnError() async throws {
        // A pipe that this very process holds open: no end, and no writer that outlives the test.
        let line = try pod.jsonString()
        let run = try ClientRun(
            shell: """
                pipe=$(mktemp -u) && mkfifo "$pipe" && exec 3<>"$pipe" && rm "$pipe"
                printf '%s\n' '{}' '\(line)' >&3
                exec $apus getevents - <&3
                """)
        #expect(try await run.hasPrinted(lines: 1))
        run.interrupt()
        let outcome = try await run.outcome()
        #expect(outcome.status == 0)
        #expect(outcome.talk.hasPrefix("apus: 1 of 2 lines was no event"))
    }

    // MARK: - top

    @Test func topIsATableForEachIntervalAndEnds() async throws {
        let requests = Requests()
        let agent = FakeAgent(
            events: [pod, injected, Samples.exit(Samples.podProcess("/bin/sh"))],
            noteRequest: { request in requests.all.withLock { $0.append(request) } })
        try await agent.serving { address in
            let outcome = try await ClientRun("top", "-n", "2", "-d", "1s", "--server-address", address).outcome()
            #expect(outcome.status == 0, "\(outcome.talk)")
            let tables = outcome.output.components(separatedBy: "\n\nevents ")
            #expect(tables.count == 2)
            #expect(tables.first?.hasSuffix("      2      1         1") == true)
            #expect(outcome.output.contains("\nlosses  none in the stream\n") && !outcome.output.contains("\u{1b}"))
            #expect(outcome.talk == "apus: subscribed to \(address)\n")
            let kinds = requests.first?.allowList.first?.eventSet
            #expect(kinds == [.processExec, .processExit, .processThrottle, .rateLimitInfo])

            let json = try await ClientRun("top", "-n", "1", "-o", "json", "--server-address", address).outcome()
            let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
            #expect((object["containers"] as? [[String: Any]])?.first?["injected"] as? Int == 1)
        }
    }

    @Test func topEndsWithItsReaderAndWithAnInterrupt() async throws {
        try await FakeAgent(events: [pod]).serving { address in
            let command = "$apus top -d 100ms --server-address '\(address)' | head -n 1; exit ${PIPESTATUS[0]}"
            #expect(try await ClientRun(shell: command).outcome().status == 0)

            let run = try ClientRun("top", "--server-address", address)
            #expect(try await run.hasSaid("subscribed"))
            run.interrupt()
            #expect(try await run.outcome().status == 0)
        }
    }

    @Test func onATerminalTopLeavesTheScreenAsItWas() async throws {
        try await FakeAgent(events: [pod]).serving { address in
            let command =
                "export TERM=xterm; timeout -s INT 3 script -qec \"$apus top --server-address '\(address)'\" /dev/null"
            let outcome = try await ClientRun(shell: command + " </dev/null").outcome()
            #expect(outcome.output.hasPrefix("\u{1b}[?1049h"), "\(outcome)")
            #expect(outcome.output.contains("EXEC/S"))
            #expect(!outcome.output.contains("subscribed"))
        }
    }
}
