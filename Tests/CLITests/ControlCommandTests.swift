// SPDX-License-Identifier: Apache-2.0

import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

/// The commands that manage an agent, as programs.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ControlCommandTests {
    private let policy = Tetragon_TracingPolicyStatus.with {
        $0.id = 7
        $0.name = "block-sh"
        $0.namespace = "shop"
        $0.sensors = ["generic_kprobe"]
        $0.filterID = 2
        $0.state = .tpStateLoadError
        $0.error = "no such function \u{1b}[2J"
        $0.kernelMemoryBytes = 57_344
        $0.info = "kills after the call"
        $0.mode = .tpModeMonitorOnly
        $0.stats.hits = 1234
        $0.stats.missed = 5
    }
    private let sensor = Tetragon_SensorStatus.with {
        $0.name = "base"
        $0.enabled = true
    }
    private let processes: [Tetragon_ProcessInternal] = [
        .with {
            $0.process = Samples.process("/sbin/init", pid: 1)
            $0.process.execID = "a"
            $0.refcnt = 2
        },
        .with {
            $0.process = Samples.podProcess("/bin/sh", "-c x")
            $0.process.execID = "b"
            $0.process.parentExecID = "a"
        },
    ]

    private func run(_ command: String, _ control: FakeControl?) async throws -> ClientRun.Outcome {
        try await FakeAgent(control: control).serving { address in
            try await ClientRun(shell: "exec $apus \(command) --server-address '\(address)'").outcome()
        }
    }

    @Test(
        "a change is a call, a line of talk, and no data",
        arguments: [
            ("policy delete block-sh -n shop", "delete shop/block-sh", "deleted shop/block-sh"),
            ("policy enable block-sh", "enable /block-sh", "enabled block-sh"),
            ("tp disable 'a b'", "disable /a b", "disabled \"a b\""),
            ("policy set-mode block-sh monitor", "configure /block-sh tpModeMonitor", "set block-sh to monitor"),
            ("tp set-mode -n shop p enforce", "configure shop/p tpModeEnforce", "set shop/p to enforce"),
            ("sensors enable base", "enable base", "enabled base"),
            ("sensors disable base", "disable base", "disabled base"),
            ("sensors rm base", "remove base", "removed base"),
        ])
    func changes(command: String, call: String, talk: String) async throws {
        let control = FakeControl()
        let outcome = try await run(command, control)
        #expect(outcome.status == 0 && outcome.output.isEmpty)
        #expect(outcome.talk == "apus: \(talk)\n")
        #expect(control.calls == [call])
    }

    @Test("policies come from files and from stdin, and the first that is refused ends it")
    func additions() async throws {
        let control = FakeControl()
        let directory = FileManager.default.temporaryDirectory.appending(path: "apus-policies-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let (good, bad) = (directory.appending(path: "good.yaml").path, directory.appending(path: "bad.yaml").path)
        try Data("kind: TracingPolicy\n".utf8).write(to: URL(filePath: good))
        try Data("kind: Pod\n".utf8).write(to: URL(filePath: bad))
        let outcome = try await FakeAgent(control: control).serving { address in
            try await ClientRun(
                shell: "echo '# kind: TracingPolicy' | $apus policy add - '\(good)' '\(bad)' '\(good)' "
                    + "--server-address '\(address)'"
            ).outcome()
        }
        #expect(outcome.status == 1 && outcome.output.isEmpty)
        #expect(control.calls == ["add # kind: TracingPolicy\n", "add kind: TracingPolicy\n"])
        let lines = outcome.talk.split(separator: "\n")
        #expect(lines.count == 3 && lines[0] == "apus: added -" && lines[1] == "apus: added \(good)")
        #expect(
            lines.last?.hasPrefix("apus: \(bad) was not added: the agent at ") == true
                && lines.last?.hasSuffix("refused: no policy in \\u{1b}[2Jit (INVALID_ARGUMENT)") == true)
    }

    @Test("of a file with several policies each is added, and a refusal says which")
    func several() async throws {
        let control = FakeControl()
        let outcome = try await FakeAgent(control: control).serving { address in
            try await ClientRun(
                shell: "printf '# all\\n---\\nkind: TracingPolicy\\n---\\nkind: TracingPolicy\\n' "
                    + "| $apus policy add --server-address '\(address)' - && "
                    + "printf 'kind: TracingPolicy\\n--- {kind: Pod}\\n' "
                    + "| $apus policy add --server-address '\(address)' -"
            ).outcome()
        }
        #expect(
            control.calls == [
                "add \n---\nkind: TracingPolicy\n", "add \n\n\n---\nkind: TracingPolicy\n", "add kind: TracingPolicy\n",
            ])
        #expect(outcome.status == 1 && outcome.talk.hasPrefix("apus: added -: 2 policies\n"))
        #expect(outcome.talk.contains("apus: -, policy 2 of 2, was not added: the agent at "))
    }

    @Test("a file without a policy has no plan, which is said")
    func noPlan() async throws {
        let outcome = try await FakeAgent(control: FakeControl()).serving { address in
            try await ClientRun(shell: "echo '# nothing' | $apus policy plan --server-address '\(address)' -").outcome()
        }
        #expect(outcome.status == 1 && outcome.talk == "apus: - has no policy: it says nothing\n")
    }

    @Test("a policy that cannot be read, is no text or has no end is refused before an agent is asked")
    func badFiles() async throws {
        for (command, reason) in [
            ("$apus policy add /nonexistent.yaml", "cannot read /nonexistent.yaml: No such file or directory"),
            ("printf '\\xff\\xfe' | $apus policy add -", "- is not UTF-8 text"),
            ("yes | $apus policy add -", "- is longer than 1024 KiB"),
            ("$apus policy add /", "cannot read"),
        ] {
            let outcome = try await ClientRun(shell: command).outcome()
            #expect(outcome.status == 1 && outcome.talk.hasPrefix("apus: \(reason)"), "\(outcome.talk)")
        }
    }

    @Test("policies and sensors are tables, or JSON by lines")
    func lists() async throws {
        let control = FakeControl(policies: [policy], sensors: [sensor])
        let table = try await run("policy list", control)
        #expect(table.status == 0, "\(table.talk)")
        let expected = """
            ID  NAME      STATE       MODE          FILTERID  NAMESPACE  SENSORS         KERNELMEMORY  HITS  MISSED
             7  block-sh  load_error  monitor_only         2  shop       generic_kprobe       57.3 kB  1234       5
                error: no such function \\u{1b}[2J
                note: kills after the call

            """
        #expect(table.output == expected)
        var wide = policy
        wide.sensors = ["kprobe/a", "kprobe/b", "kprobe/c", "kprobe/d"]
        let short = try await run("policy list", FakeControl(policies: [wide])).output
        #expect(short.contains("kprobe/a,kprobe/b and 2 more") && !short.contains("kprobe/c"))
        #expect(try await run("policy list -o json", control).output.hasPrefix(#"{"id":"7","name":"block-sh""#))
        #expect(try await run("sensors list", control).output == "NAME  STATE    COLLECTION\nbase  enabled  -\n")
        #expect(try await run("sensors list -o json", control).output == "{\"name\":\"base\",\"enabled\":true}\n")
    }

    @Test("a policy's status has its hooks, and what each of their selectors counted")
    func status() async throws {
        var watched = policy
        watched.hookStatuses = [
            .with {
                ($0.section, $0.name, $0.state, $0.method) = ("kprobes", "sys_openat", .statusLoaded, "kprobe")
                $0.hookDescription = "function __x64_sys_openat"
            },
            .with {
                ($0.section, $0.hookIdx, $0.name, $0.state) = ("kprobes", 1, "gone\u{7}", .statusCallNotFound)
                $0.hookDescription = "gone\u{7}"
            },
        ]
        watched.stats.selectorActionCounters = [
            .with {
                ($0.section, $0.hook, $0.hookIndex, $0.selectorIndex) = ("kprobes", "sys_openat", 0, 0)
                $0.selectorLabel = "Sigkill"
                ($0.actionCounters.post, $0.actionCounters.signal) = (3, 3)
            },
            .with {
                ($0.section, $0.hook, $0.hookIndex, $0.selectorIndex) = ("kprobes", "sys_openat", 0, 1)
                $0.selectorLabel = "NoPost"
            },
            .with {
                ($0.section, $0.hook, $0.hookIndex, $0.selectorLabel) = ("kprobes", "gone", 1, "Post")
            }, .with { $0.actionCounters.post = 9 },
        ]
        var (other, left) = (policy, policy)
        (other.name, left.namespace) = ("other", "")
        let control = FakeControl(policies: [other, watched, left])
        let outcome = try await run("policy status block-sh -n shop", control)
        #expect(outcome.status == 0, "\(outcome.talk)")
        let hooks = """

            HOOK        NAME        STATE           METHOD  PLACE
            kprobes[0]  sys_openat  loaded          kprobe  function __x64_sys_openat
                selector 0 (Sigkill): post 3, signal 3
                selector 1 (NoPost): nothing yet
            kprobes[1]  gone\\u{7}   call_not_found  -       gone\\u{7}
                each call (Post): nothing yet
            before it was replaced: post 9

            """
        let table = try await run("policy list", FakeControl(policies: [watched])).output
        #expect(outcome.output == table + hooks)
        let json = try await run("policy status block-sh -n shop -o json", control).output
        #expect(json.contains(#""selector_label":"Sigkill""#), "\(json)")
        let unknown = try await run("policy status block-sh -n shops", control)
        #expect(unknown.status == 1 && unknown.talk == "apus: the agent has no policy shops/block-sh\n")
    }

    @Test("a mode is one of two, and a policy has to be named")
    func modes() async throws {
        let control = FakeControl()
        for command in ["policy set-mode p loud", "policy set-mode p", "policy set-mode"] {
            let outcome = try await run(command, control)
            #expect(outcome.status == 2 && outcome.output.isEmpty, "\(command)")
        }
        #expect(try await run("policy set-mode p loud", control).talk.contains("'enforce' and 'monitor'"))
        #expect(control.calls.isEmpty)
    }

    @Test("a dump is a line for what all have in common, and one for each program")
    func dump() async throws {
        let control = FakeControl(
            dump: .with {
                $0.generation = 3
                $0.programs = [
                    .with {
                        $0.number = 1
                        $0.rows = [.with { ($0.id, $0.policy) = (4, "p") }]
                    }, .with { $0.number = 2 },
                ]
            })
        #expect(
            try await run("policy dump", control).output == """
                {"generation":3}
                {"number":1,"rows":[{"id":4,"policy":"p"}]}
                {"number":2}

                """)
    }

    @Test("the log level is a word, and set says what it is from now on")
    func logLevel() async throws {
        let control = FakeControl()
        #expect(try await run("loglevel get", control).output == "info\n")
        #expect(try await run("loglevel set debug", control).output == "debug\n")
        #expect(try await run("loglevel get", control).output == "debug\n")
        #expect(try await run("loglevel get -o json", control).output == "{\"level\":\"LOG_LEVEL_DEBUG\"}\n")
        #expect(try await run("loglevel set loud", control).status == 2)
    }

    @Test("processes are a tree, or JSON by lines, more of them than fit into an ordinary message too")
    func processTree() async throws {
        let control = FakeControl(processes: processes)
        let tree = try await run("processes", control)
        #expect(tree.status == 0, "\(tree.talk)")
        #expect(tree.output.hasSuffix("└─ /bin/sh -c x\n"))
        #expect(try await run("processes -o json", control).output.split(separator: "\n").count == 2)
        #expect(try await run("processes --skip-zero-refcnt", control).output.split(separator: "\n").count == 2)

        let large = Tetragon_ProcessInternal.with {
            $0.process = Samples.process("/bin/a", String(repeating: "x", count: 100_000))
        }
        let many = FakeControl(processes: Array(repeating: large, count: 60))
        let outcome = try await run("processes -o json", many)
        #expect(outcome.status == 0 && outcome.output.split(separator: "\n").count == 60, "\(outcome.talk)")
    }

    @Test(
        "an agent that does not know a call refuses it: one line, exit status one",
        arguments: [
            "processes", "policy list", "policy status a", "policy delete a", "policy enable a", "policy disable a",
            "policy set-mode a monitor", "policy dump", "sensors list",
            "sensors enable a", "sensors disable a", "sensors remove a", "loglevel get", "loglevel set info",
        ])
    func refusals(command: String) async throws {
        let outcome = try await run(command, nil)
        #expect(outcome.status == 1 && outcome.output.isEmpty)
        #expect(outcome.talk.split(separator: "\n").count == 1)
        #expect(outcome.talk.contains("refused") && outcome.talk.contains("UNIMPLEMENTED"))
    }
}
