// SPDX-License-Identifier: Apache-2.0
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Policies
import PolicyEngine
import Server
import SwiftProtobuf
import Testing
import TetragonAPI

/// The RPCs about policies.
@Suite struct PolicyTests {
    private func code(_ body: () async throws -> Void) async -> (RPCError.Code?, String) {
        let error = await #expect(throws: RPCError.self) { try await body() }
        return (error?.code, error?.message ?? "")
    }

    private var status: PolicyStatus {
        var status = PolicyStatus(
            id: 7, key: PolicyKey(name: "watch", namespace: "shop"), source: .client, state: .enabled)
        status.info = "kills after the call"
        status.sensors = ["tracepoint/syscalls/sys_enter_openat", "lsm/file_open"]
        status.filterID = 3
        status.kernelMemory = 70_000
        status.counts = PolicyCounts(Array(1...11), missed: 12)
        status.hooks = [
            HookStatus(
                DeclaredHook(
                    origin: HookOrigin(section: "tracepoints", index: 0), name: "syscalls/sys_enter_openat",
                    selectors: ["Sigkill", "NoPost"]), .loaded),
            HookStatus(
                DeclaredHook(origin: HookOrigin(section: "lsmhooks", index: 3), name: "file_open", selectors: []),
                .callNotFound),
        ]
        status.hooks[0].method = "tracepoint"
        status.hooks[0].place = "tracepoint syscalls/sys_enter_openat"
        status.hooks[0].accounts[1].counts = PolicyCounts(Array(1...11))
        return status
    }

    @Test("a policy's status is told whole")
    func list() async throws {
        try await RunningServer.with { server in
            try await server.withClient { client in
                #expect(try await client.listTracingPolicies(.init()).policies.isEmpty)
                var failed = PolicyStatus(id: 8, key: PolicyKey(name: "bad"), source: .file("/f"), state: .loadError)
                failed.error = "no such hook"
                server.agent.change { $0.policies = [status, failed] }
                let policies = try await client.listTracingPolicies(.init()).policies
                #expect(
                    policies.first
                        == .with {
                            $0.id = 7
                            $0.name = "watch"
                            $0.namespace = "shop"
                            $0.info = "kills after the call"
                            $0.sensors = ["tracepoint/syscalls/sys_enter_openat", "lsm/file_open"]
                            $0.enabled = true
                            $0.filterID = 3
                            $0.state = .tpStateEnabled
                            $0.kernelMemoryBytes = 70_000
                            $0.mode = .tpModeEnforce
                            $0.stats = .with {
                                $0.hits = 1 + 2 + 3
                                $0.missed = 12
                                $0.actionCounters = .with {
                                    ($0.post, $0.nopost, $0.rateLimited) = (1, 2, 3)
                                    ($0.signalFailed, $0.notifyEnforcerFailed, $0.hashFailed) = (4, 5, 6)
                                    ($0.signal, $0.override, $0.notifyEnforcer) = (7, 8, 9)
                                    ($0.monitorSignal, $0.monitorOverride) = (10, 11)
                                }
                                let counters = $0.actionCounters
                                $0.selectorActionCounters = [
                                    .with {
                                        ($0.section, $0.hook) = ("tracepoints", "syscalls/sys_enter_openat")
                                        ($0.hookIndex, $0.selectorIndex, $0.selectorLabel) = (0, 0, "Sigkill")
                                        $0.actionCounters = .init()
                                    },
                                    .with {
                                        ($0.section, $0.hook) = ("tracepoints", "syscalls/sys_enter_openat")
                                        ($0.hookIndex, $0.selectorIndex, $0.selectorLabel) = (0, 1, "NoPost")
                                        $0.actionCounters = counters
                                    },
                                    .with {
                                        ($0.section, $0.hook, $0.hookIndex) = ("lsmhooks", "file_open", 3)
                                        $0.selectorLabel = "Post"
                                        $0.actionCounters = .init()
                                    },
                                ]
                            }
                            $0.hookStatuses = [
                                .with {
                                    ($0.section, $0.hookIdx, $0.state) = ("tracepoints", 0, .statusLoaded)
                                    $0.hookDescription = "tracepoint syscalls/sys_enter_openat"
                                    ($0.name, $0.method) = ("syscalls/sys_enter_openat", "tracepoint")
                                },
                                .with {
                                    ($0.section, $0.hookIdx, $0.state) = ("lsmhooks", 3, .statusCallNotFound)
                                    ($0.name, $0.hookDescription) = ("file_open", "file_open")
                                },
                            ]
                        })
                #expect(
                    policies.last
                        == .with {
                            $0.id = 8
                            $0.name = "bad"
                            $0.error = "no such hook"
                            $0.state = .tpStateLoadError
                            $0.mode = .tpModeEnforce
                            $0.stats.actionCounters = .init()
                        })
            }
        }
    }

    @Test("what a policy's hooks counted before they were replaced is told of no hook")
    func earlier() async throws {
        try await RunningServer.with { server in
            var replaced = status
            replaced.earlierCounts = PolicyCounts([4])
            server.agent.change { [replaced] in $0.policies = [replaced] }
            let told = try await server.withClient { try await $0.listTracingPolicies(.init()).policies }
            let last = try #require(told.first?.stats.selectorActionCounters.last)
            #expect(last == .with { $0.actionCounters = .with { $0.post = 4 } })
            #expect(told.first?.stats.selectorActionCounters.count == 4)
        }
    }

    @Test("each state of a hook is the API's", arguments: HookStatus.State.allCases)
    func hookStates(_ state: HookStatus.State) async throws {
        try await RunningServer.with { server in
            var policy = status
            policy.hooks[0].state = state
            server.agent.change { [policy] in $0.policies = [policy] }
            let told = try await server.withClient { try await $0.listTracingPolicies(.init()).policies }
            let wanted: Tetragon_HookState =
                switch state {
                case .absent: .statusUnspecified
                case .loaded: .statusLoaded
                case .callNotFound: .statusCallNotFound
                case .partialCallNotFound: .statusPartialCallNotFound
                }
            #expect(told.first?.hookStatuses.first?.state == wanted)
        }
    }

    @Test("the mode says whether a policy does what it says, and whether it could")
    func modes() async throws {
        try await RunningServer.with { server in
            var (enforced, monitored, confined) = (status, status, status)
            monitored.mode = .monitor
            monitored.counts = PolicyCounts(Array(repeating: 0, count: 11) + [5])
            (confined.mode, confined.canEnforce) = (.monitor, false)
            enforced.id = 1
            server.agent.change { [enforced, monitored, confined] in $0.policies = [enforced, monitored, confined] }
            let policies = try await server.withClient { try await $0.listTracingPolicies(.init()).policies }
            #expect(policies.map(\.mode) == [.tpModeEnforce, .tpModeMonitor, .tpModeMonitorOnly])
            #expect(policies[1].stats.actionCounters.monitorNotifyEnforcer == 5)
        }
    }

    @Test("a policy is configured by whatever the request says, and by nothing else")
    func configuration() async throws {
        try await RunningServer.with { server in
            try await server.withClient { client in
                for request in [
                    .with { ($0.name, $0.namespace, $0.mode) = ("p", "n", .tpModeMonitor) },
                    .with { ($0.name, $0.mode, $0.enable) = ("p", .tpModeEnforce, true) },
                    .with { ($0.name, $0.enable) = ("p", false) }, .with { $0.name = "p" },
                ] as [Tetragon_ConfigureTracingPolicyRequest] {
                    _ = try await client.configureTracingPolicy(request)
                }
                for mode in [.tpModeUnknown, .tpModeMonitorOnly, .UNRECOGNIZED(9)] as [Tetragon_TracingPolicyMode] {
                    let (status, sentence) = await code {
                        _ = try await client.configureTracingPolicy(.with { ($0.name, $0.mode) = ("p", mode) })
                    }
                    #expect(status == .invalidArgument && sentence.hasSuffix("not \(mode.rawValue)"), "\(sentence)")
                }
                server.agent.change {
                    $0.policyError = PolicyManagerError.cannotEnforce(PolicyKey(name: "p"), ["no error injection"])
                }
                let refusal = await code {
                    _ = try await client.configureTracingPolicy(.with { ($0.name, $0.mode) = ("p", .tpModeEnforce) })
                }
                #expect(
                    refusal == (.failedPrecondition, "tracing policy p cannot enforce here: no error injection"))
            }
            #expect(
                server.agent.now.policyCalls.prefix(4) == [
                    "configure n/p monitor", "configure p enabled true enforce", "configure p enabled false",
                    "configure p",
                ])
        }
    }

    @Test("what the kernel has of policies is told program by program, row by row")
    func dump() async throws {
        try await RunningServer.with { server in
            var dump = PolicyDump(generation: 9, binarySets: 2, binarySetsLimit: 512, containers: 4)
            dump.omittedRows = 3
            dump.programs = [
                PolicyDump.Program(
                    number: 6, sensor: "lsm/file_open", kernelMemory: 5000,
                    misses: PolicyMisses(recursion: 1, probe: 2, busy: 3, returns: 4), rowsLimit: 8, lists: 1,
                    listsLimit: 256,
                    rows: [
                        PolicyDump.Row(
                            slot: 1, id: 7, policy: PolicyKey(name: "p", namespace: "n"), from: 8, isMonitored: true,
                            isScoped: true, sets: [3, 4], binarySets: [5], counts: PolicyCounts([6]))
                    ])
            ]
            server.agent.change { [dump] in $0.policyDump = dump }
            let told = try await RunningServer.withConnection(.unixDomainSocket(path: server.mainPath)) {
                try await Apus_V1_Node.Client(wrapping: $0).dumpPolicies(.init())
            }
            #expect(
                told
                    == .with {
                        ($0.generation, $0.binarySets, $0.binarySetsLimit) = (9, 2, 512)
                        ($0.containers, $0.omittedRows) = (4, 3)
                        $0.programs = [
                            .with {
                                ($0.number, $0.sensor, $0.kernelMemoryBytes) = (6, "lsm/file_open", 5000)
                                $0.misses = .with {
                                    ($0.recursion, $0.probe, $0.busy, $0.returns) = (1, 2, 3, 4)
                                }
                                ($0.rowsLimit, $0.lists, $0.listsLimit) = (8, 1, 256)
                                $0.rows = [
                                    .with {
                                        ($0.slot, $0.id, $0.policy, $0.namespace, $0.from) = (1, 7, "p", "n", 8)
                                        ($0.monitored, $0.scoped) = (true, true)
                                        ($0.sets, $0.binarySets) = ([3, 4], [5])
                                        $0.stats = .with {
                                            $0.hits = 6
                                            $0.actionCounters.post = 6
                                        }
                                    }
                                ]
                            }
                        ]
                    })
        }
    }

    @Test("each state is the API's", arguments: PolicyStatus.State.allCases)
    func states(_ state: PolicyStatus.State) async throws {
        try await RunningServer.with { server in
            server.agent.change {
                $0.policies = [PolicyStatus(id: 1, key: PolicyKey(name: "p"), source: .client, state: state)]
            }
            let policies = try await server.withClient { try await $0.listTracingPolicies(.init()).policies }
            let wanted: Tetragon_TracingPolicyState =
                switch state {
                case .enabled: .tpStateEnabled
                case .disabled: .tpStateDisabled
                case .loadError: .tpStateLoadError
                case .error: .tpStateError
                case .loading: .tpStateLoading
                case .unloading: .tpStateUnloading
                case .skipped: .tpStateSkipped
                case .partiallyEnabled: .tpStatePartiallyEnabled
                }
            #expect(policies.map(\.state) == [wanted])
            #expect(
                policies.map(\.enabled)
                    == [[.enabled, .error, .skipped, .partiallyEnabled].contains(state)])
        }
    }

    @Test("calls reach the policy of the name and namespace")
    func calls() async throws {
        try await RunningServer.with { server in
            try await server.withClient { client in
                _ = try await client.addTracingPolicy(.with { $0.yaml = "text" })
                _ = try await client.disableTracingPolicy(.with { ($0.name, $0.namespace) = ("p", "n") })
                _ = try await client.enableTracingPolicy(.with { ($0.name, $0.namespace) = ("p", "n") })
                _ = try await client.deleteTracingPolicy(.with { $0.name = "p" })
            }
            #expect(server.agent.now.policyCalls == ["add text", "disable n/p", "enable n/p", "delete p"])
        }
    }

    @Test("a call without a name is refused")
    func nameless() async throws {
        try await RunningServer.with { server in
            try await server.withClient { client in
                for call in [
                    { _ = try await client.deleteTracingPolicy(.init()) },
                    { _ = try await client.enableTracingPolicy(.init()) },
                    { _ = try await client.disableTracingPolicy(.with { $0.namespace = "n" }) },
                    { _ = try await client.configureTracingPolicy(.with { $0.mode = .tpModeMonitor }) },
                ] as [@Sendable () async throws -> Void] {
                    #expect(await code(call).0 == .invalidArgument)
                }
            }
            #expect(server.agent.now.policyCalls.isEmpty)
        }
    }

    @Test("there are no domains, and a call for one is refused")
    func domains() async throws {
        try await RunningServer.with { server in
            try await server.withClient { client in
                let domains = try await client.listDomains(.init()).domains
                #expect(domains.isEmpty)
                let calls = ["List", "Add", "Delete", "Enable", "Disable", "Configure"]
                for (name, call) in zip(
                    calls,
                    [
                        { _ = try await client.listTracingPolicies(.with { $0.domain = "d" }) },
                        { _ = try await client.addTracingPolicy(.with { $0.domain = "d" }) },
                        { _ = try await client.deleteTracingPolicy(.with { ($0.name, $0.domain) = ("p", "d") }) },
                        { _ = try await client.enableTracingPolicy(.with { ($0.name, $0.domain) = ("p", "d") }) },
                        { _ = try await client.disableTracingPolicy(.with { ($0.name, $0.domain) = ("p", "d") }) },
                        { _ = try await client.configureTracingPolicy(.with { ($0.name, $0.domain) = ("p", "d") }) },
                    ] as [@Sendable () async throws -> Void])
                {
                    let (status, sentence) = await code(call)
                    #expect(status == .invalidArgument)
                    #expect(
                        sentence.hasPrefix(name)
                            && sentence.hasSuffix(
                                ": policies have no domains here, so there is no d: leave the domain out")
                    )
                }
            }
            #expect(server.agent.now.policyCalls.isEmpty)
        }
    }

    @Test("each error has its status and sentence")
    func errors() async throws {
        let key = PolicyKey(name: "p", namespace: "n")
        try await RunningServer.with { server in
            try await server.withClient { client in
                for (error, status, sentence) in [
                    (.unknown(key), .notFound, "tracing policy n/p does not exist"),
                    (
                        .exists(key), .alreadyExists,
                        "failed to add tracing policy n/p, a sensor collection with the key already exists"
                    ),
                    (.isNotDisabled(key), .failedPrecondition, "tracing policy n/p is not disabled"),
                    (.isNotEnabled(key), .failedPrecondition, "tracing policy n/p is not enabled"),
                    (.notLoaded(key, "why"), .failedPrecondition, "tracing policy n/p was not loaded: why"),
                    (.tooMany(limit: 9), .resourceExhausted, "there are 9 policies, and no more are taken"),
                    (.stopped, .unavailable, "the agent is going and takes no policy"),
                ] as [(PolicyManagerError, RPCError.Code, String)] {
                    server.agent.change { $0.policyError = error }
                    #expect(
                        await code { _ = try await client.deleteTracingPolicy(.with { $0.name = "p" }) }
                            == (status, sentence))
                }
            }
        }
    }

    @Test("every problem of a policy is told with its line, as far as there is room")
    func problems() async throws {
        try await RunningServer.with { server in
            try await server.withClient { client in
                let yaml =
                    "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: A}\nspec: {kprobe: []}\n"
                let problems = #expect(throws: PolicyProblems.self) { try PolicyReader.policy(of: yaml) }
                server.agent.change { $0.policyError = problems }
                let (status, sentence) = await code { _ = try await client.addTracingPolicy(.with { $0.yaml = yaml }) }
                #expect(status == .invalidArgument)
                #expect(sentence.contains("line 3: metadata.name: ") && sentence.contains("line 4: spec.kprobe: "))
                server.agent.change {
                    $0.policyError = PolicyManagerError.notLoaded(
                        PolicyKey(name: "p"), String(repeating: "ä", count: 9000))
                }
                let cut = await code { _ = try await client.addTracingPolicy(.with { $0.yaml = yaml }) }
                #expect(cut.0 == .failedPrecondition && cut.1.hasSuffix("…") && cut.1.utf8.count < 4200)
            }
        }
    }

    @Test("the sensors of policies are listed, and switched by their policy's name")
    func sensors() async throws {
        try await RunningServer.with { server in
            var plain = status
            plain.key = PolicyKey(name: "plain")
            server.agent.change { [status, plain] in $0.policies = [status, plain] }
            try await server.withClient { client in
                let sensors = try await client.listSensors(.init()).sensors.suffix(4)
                #expect(
                    sensors.map(\.name)
                        == [
                            "tracepoint/syscalls/sys_enter_openat", "lsm/file_open",
                            "tracepoint/syscalls/sys_enter_openat", "lsm/file_open",
                        ])
                #expect(sensors.map(\.collection) == ["shop/watch", "shop/watch", "plain", "plain"])
                #expect(sensors.allSatisfy { $0.enabled })
                _ = try await client.disableSensor(.with { $0.name = "plain" })
                _ = try await client.enableSensor(.with { $0.name = "plain" })
                _ = try await client.removeSensor(.with { $0.name = "plain" })
                #expect(await code { _ = try await client.enableSensor(.with { $0.name = "watch" }) }.0 == .notFound)
            }
            #expect(server.agent.now.policyCalls == ["disable plain", "enable plain", "delete plain"])
        }
    }
}
