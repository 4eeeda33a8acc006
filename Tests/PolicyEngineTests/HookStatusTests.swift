// SPDX-License-Identifier: Apache-2.0
import CRecords
import Policies
import PolicyEngine
import Synchronization
import Testing

/// What is told of a policy's hooks, and which of their selectors counts what.
@Suite struct HookStatusTests {
    private let bench = ManagerBench()

    private static let selectors = """
        selectors: [{matchActions: [{action: Sigkill}, {action: NoPost}]}, {matchPIDs: [{operator: In, values: [1]}]}]
        """

    private func policy(_ name: String, _ spec: String) throws -> TracingPolicy {
        let lines = spec.split(separator: "\n").map { "  \($0)\n" }.joined()
        return try PolicyReader.policy(
            of: "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: \(name)}\nspec:\n\(lines)")
    }

    /// Hooks with two selectors, or with none, of the manager's next plan for the policy.
    private func plan(_ name: String, _ hooks: [(section: String, index: Int, selectors: UInt8)], leftOut: Int? = nil) {
        bench.plan(
            name,
            hooks.map { section, index, selectors in
                var hook = Samples.hook(name, texts: ["a"]) { $0.selectors = selectors }
                hook.origin = HookOrigin(section: section, index: index)
                return hook
            }, leftOut: Set(leftOut.map { [HookOrigin(section: "kprobes", index: $0)] } ?? []))
    }

    private func count(_ what: pol_count, _ count: UInt64, of row: UInt32, _ selector: Int) throws {
        let program = bench.kernel.attached.first { $0.now.rows.values.contains { $0.id == row } }
        try #require(program).count(what, count, row: row, selector: selector)
    }

    private func accounts(_ name: String) -> [[HookStatus.Account]] { bench.status(name)?.hooks.map(\.accounts) ?? [] }

    @Test("a hook is told with where it is, and each of its selectors with what it does and counts")
    func accounts() async throws {
        plan("p", [("kprobes", 0, 2), ("lsmhooks", 0, 0)])
        try await bench.manager.add(
            policy("p", "kprobes: [{call: sys_openat, \(Self.selectors)}]\nlsmhooks: [{hook: file_open}]"))
        plan("q", [("kprobes", 0, 2)])
        try await bench.manager.add(policy("q", "kprobes: [{call: sys_openat, \(Self.selectors)}]"))
        try count(POL_COUNT_SIGNAL, 2, of: 1, 0)
        try count(POL_COUNT_NO_POST, 2, of: 1, 0)
        try count(POL_COUNT_POST, 5, of: 1, 1)
        try count(POL_COUNT_POST, 7, of: 2, 0)
        try count(POL_COUNT_POST, 11, of: 3, 1)

        let status = try #require(bench.status("p"))
        #expect(status.hooks.map(\.origin.description) == ["kprobes[0]", "lsmhooks[0]"])
        #expect(status.hooks.map(\.name) == ["sys_openat", "file_open"])
        #expect(status.hooks.map(\.state) == [.loaded, .loaded] && status.state == .enabled)
        #expect(status.hooks[0].method == "tracepoint")
        #expect(status.hooks[0].place == "tracepoint syscalls/sys_enter_openat")
        let kills = PolicyCounts([0, 2, 0, 0, 0, 0, 2])
        #expect(
            accounts("p") == [
                [
                    .init(selector: 0, label: "Sigkill, NoPost", counts: kills),
                    .init(selector: 1, label: "Post", counts: PolicyCounts([5])),
                ], [.init(selector: nil, label: "Post", counts: PolicyCounts([7]))],
            ])
        #expect(accounts("q")[0].map(\.counts) == [PolicyCounts(), PolicyCounts([11])])
        #expect(status.counts == PolicyCounts([12, 2, 0, 0, 0, 0, 2]) && status.earlierCounts == PolicyCounts())
    }

    @Test("a hook that a replacement keeps counts on, what others counted is told of none, and the sum stays")
    func replacement() async throws {
        plan("p", [("kprobes", 0, 2), ("kprobes", 1, 0)])
        try await bench.manager.add(policy("p", "kprobes: [{call: f, \(Self.selectors)}, {call: g}]"))
        try count(POL_COUNT_POST, 1, of: 1, 0)
        try count(POL_COUNT_POST, 10, of: 1, 1)
        try count(POL_COUNT_POST, 100, of: 2, 0)
        // The first has a selector less, the second is another.
        plan("p", [("kprobes", 0, 1), ("kprobes", 1, 0)])
        try await bench.manager.replace(
            policy("p", "kprobes: [{call: f, selectors: [{}]}, {call: h}]"), from: .client)
        #expect(accounts("p").map { $0.map(\.counts.posts) } == [[1], [0]])
        #expect(bench.status("p")?.earlierCounts.posts == 110 && bench.status("p")?.counts.posts == 111)
        try count(POL_COUNT_POST, 1000, of: 3, 0)
        #expect(accounts("p")[0][0].counts.posts == 1001 && bench.status("p")?.counts.posts == 1111)
    }

    @Test("hooks of a policy that is disabled are not there, and count on when it is enabled")
    func disabling() async throws {
        plan("p", [("kprobes", 0, 2)])
        try await bench.manager.add(policy("p", "kprobes: [{call: f, \(Self.selectors)}]"))
        try count(POL_COUNT_POST, 3, of: 1, 1)
        try await bench.manager.disable(PolicyKey(name: "p"))
        let status = try #require(bench.status("p"))
        #expect(status.hooks.map(\.state) == [.absent] && status.hooks[0].method.isEmpty)
        #expect(status.hooks[0].place == "f" && status.hooks[0].accounts[1].counts.posts == 3)
        try await bench.manager.enable(PolicyKey(name: "p"))
        try count(POL_COUNT_POST, 1, of: 2, 1)
        #expect(bench.status("p")?.hooks.map(\.state) == [.loaded] && accounts("p")[0][1].counts.posts == 4)
    }

    @Test("calls that the policy lets be missing make it skipped, or enabled in part")
    func leftOut() async throws {
        let text = "kprobes: [{call: f, ignore: {callNotFound: true}}, {call: g}]"
        plan("p", [("kprobes", 1, 0)], leftOut: 0)
        try await bench.manager.add(policy("p", text))
        #expect(bench.status("p")?.hooks.map(\.state) == [.callNotFound, .loaded])
        #expect(bench.status("p")?.state == .partiallyEnabled && bench.status("p")?.isLoaded == true)
        plan("list", [("kprobes", 0, 0), ("kprobes", 1, 0)], leftOut: 0)
        try await bench.manager.add(policy("list", text))
        #expect(bench.status("list")?.hooks.map(\.state) == [.partialCallNotFound, .loaded])
        #expect(bench.status("list")?.state == .partiallyEnabled)
        plan("none", [], leftOut: 0)
        try await bench.manager.add(policy("none", "kprobes: [{call: f, ignore: {callNotFound: true}}]"))
        #expect(bench.status("none")?.hooks.map(\.state) == [.callNotFound] && bench.status("none")?.state == .skipped)
    }

    @Test("of a policy that could not be loaded those hooks are named which this kernel has not")
    func absence() async throws {
        let spec = """
            kprobes: [{call: f, syscall: false}, {call: gone, syscall: false}]
            tracepoints: [{subsystem: s, event: gone}]
            lsmhooks: [{hook: gone}]
            """
        var kernel = FakeSurvey.full
        kernel.functionNames = ["f"]
        let policy = try policy("p", spec)
        let error = #expect(throws: PlanError.self) { try Planner.plan(policy, on: kernel) }
        bench.plans.state.withLock { $0.error = error }
        await #expect(throws: PolicyManagerError.self) { try await bench.manager.add(policy) }
        let status = try #require(bench.status("p"))
        #expect(status.state == .loadError)
        #expect(status.hooks.map(\.state) == [.absent, .callNotFound, .callNotFound, .absent])
        #expect(status.hooks.map(\.place) == ["f", "gone", "s/gone", "gone"])
    }

    @Test("a plan's hooks say which of the policy's they are of, and names are the policy's words")
    func origins() throws {
        let spec = """
            lists: [{name: l, type: syscalls, values: [sys_openat, sys_close]}]
            kprobes: [{call: "list:l"}, {call: sys_openat}]
            tracepoints: [{subsystem: sched, event: sched_switch, raw: true}]
            uprobes: [{path: /bin/sh, symbols: [a, b, c, d, e]}]
            lsmhooks: [{hook: file_open}]
            """
        let policy = try policy("p", spec)
        let declared = DeclaredHook.all(of: policy.spec)
        #expect(
            declared.map(\.name) == [
                "list:l", "sys_openat", "sched/sched_switch", "/bin/sh:a,b,c,d,…", "file_open",
            ])
        let planned = try Planner.plan(policy, on: FakeSurvey.full).hooks.map(\.origin)
        #expect(planned == declared.map(\.origin))
    }
}
