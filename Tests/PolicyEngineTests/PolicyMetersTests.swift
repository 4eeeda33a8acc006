// SPDX-License-Identifier: Apache-2.0
import CRecords
import Policies
import PolicyEngine
import Sensors
import Testing

/// What policies count, whatever becomes of their programs.
@Suite struct PolicyMetersTests {
    private let bench = ManagerBench()

    private func add(_ names: String...) async throws {
        for name in names {
            bench.plan(name, [Samples.hook(name, texts: [name])])
            try await bench.manager.add(Samples.policy(name))
        }
    }

    /// Counts at the one program that there is.
    private func count(_ what: pol_count, _ count: UInt64 = 1, of row: UInt32) throws {
        try #require(bench.kernel.attached.last).count(what, count, row: row)
    }

    private func counts(_ name: String) -> PolicyCounts? { bench.status(name)?.counts }

    @Test("a policy's hits are the events, those that nobody wanted and those that were held back")
    func hits() async throws {
        try await add("p")
        #expect(counts("p") == PolicyCounts())
        try count(POL_COUNT_POST, 5, of: 1)
        try count(POL_COUNT_NO_POST, 3, of: 1)
        try count(POL_COUNT_LIMITED, 2, of: 1)
        try count(POL_COUNT_MONITORED_SIGNAL, 4, of: 1)
        let told = try #require(counts("p"))
        #expect(told.hits == 10 && told.posts == 5 && told.unposted == 3 && told.limited == 2)
        #expect(told.monitoredSignals == 4 && told.signals == 0 && told.missed == 0)
    }

    @Test("each hook of a policy counts for it, and for no other that shares its program")
    func sharing() async throws {
        bench.plan("both", [Samples.hook("both", texts: ["a"]), Samples.hook("both", texts: ["b"])])
        try await bench.manager.add(Samples.policy("both"))
        try await add("other")
        #expect(bench.kernel.attached.count == 1)
        try count(POL_COUNT_POST, 1, of: 1)
        try count(POL_COUNT_POST, 10, of: 2)
        try count(POL_COUNT_POST, 100, of: 3)
        #expect(counts("both")?.posts == 11 && counts("other")?.posts == 100)
        #expect(bench.manager.meters.total.posts == 111)
    }

    @Test("what was counted stays when a policy moves, is replaced, is disabled and comes back")
    func staying() async throws {
        try await add("p")
        try count(POL_COUNT_POST, 7, of: 1)
        // The third moves the others to a larger program.
        try await add("q", "r")
        #expect(bench.kernel.programs.count > 1 && counts("p")?.posts == 7)
        try count(POL_COUNT_POST, 1, of: 1)
        #expect(counts("p")?.posts == 8)
        try await bench.manager.replace(Samples.policy("p", version: 2), from: .client)
        #expect(counts("p")?.posts == 8)
        try count(POL_COUNT_POST, 1, of: 4)
        try await bench.manager.disable(PolicyKey(name: "p"))
        #expect(counts("p")?.posts == 9)
        try await bench.manager.enable(PolicyKey(name: "p"))
        try count(POL_COUNT_POST, 1, of: 5)
        #expect(counts("p")?.posts == 10 && counts("q")?.posts == 0)
    }

    @Test("a row that another policy has had begins with nothing, and the sum of all never goes back")
    func reuse() async throws {
        try await add("p")
        try count(POL_COUNT_POST, 7, of: 1)
        try await bench.manager.delete(PolicyKey(name: "p"))
        #expect(bench.manager.meters.accounts.isEmpty && bench.manager.meters.total.posts == 7)
        try await add("p")
        #expect(counts("p")?.posts == 0)
        try await add("q")
        try await bench.manager.delete(PolicyKey(name: "p"))
        try await add("r")
        try count(POL_COUNT_POST, 1, of: 4)
        #expect(counts("r")?.posts == 1 && counts("q")?.posts == 0 && bench.manager.meters.total.posts == 8)
    }

    @Test("what a program missed counts for each hook that was in it, from then on")
    func misses() async throws {
        try await add("p")
        let program = try #require(bench.kernel.attached.last)
        program.miss(PolicyMisses(recursion: 1, probe: 2))
        try await bench.manager.delete(PolicyKey(name: "p"))
        try await add("q")
        let next = try #require(bench.kernel.attached.last)
        next.miss(PolicyMisses(busy: 4))
        // There is room for two: no other program.
        try await bench.manager.replace(Samples.policy("q", version: 2), from: .client)
        next.miss(PolicyMisses(returns: 8))
        #expect(counts("q")?.missed == 12)
        #expect(bench.manager.meters.misses == PolicyMisses(recursion: 1, probe: 2, busy: 4, returns: 8))
    }

    @Test("a change that fails leaves the counts as they were")
    func failure() async throws {
        try await add("p")
        try count(POL_COUNT_POST, 7, of: 1)
        for steps in 0..<4 {
            bench.kernel.failAfter(steps)
            try? await bench.manager.replace(Samples.policy("p", version: 2 + steps), from: .client)
            bench.kernel.failAfter(nil)
            #expect(counts("p")?.posts == 7)
        }
        #expect(bench.manager.meters.total.posts == 7)
    }

    @Test("a dump has every program with its rows, and what they count")
    func dump() async throws {
        let place = HookPlan.Place.tracepoint(subsystem: "sched", event: "sched_switch")
        bench.plan(
            "p",
            [
                Samples.hook("p", texts: ["a"]), Samples.hook("p", at: place, texts: ["b"]),
                Samples.hook("p", at: place, texts: ["c"]) { $0.at_entry.0.post = 1 },
            ],
            where: ScopeRule(includesHost: true) { $0.name == "web" })
        bench.scopes.set(77, Samples.container("web"))
        bench.scopes.set(78, Samples.container("db"))
        try await bench.manager.add(Samples.policy("p", namespace: "n"))
        try await bench.manager.setMode(.monitor, of: PolicyKey(name: "p", namespace: "n"))
        bench.kernel.attached.first?.count(POL_COUNT_POST, row: 1)
        bench.kernel.attached.first?.miss(PolicyMisses(busy: 2))
        let dump = await bench.manager.dump()
        #expect(dump.generation == 1 && dump.containers == 2 && dump.binarySets == 0 && dump.omittedRows == 0)
        #expect(dump.programs.map(\.number) == [1, 2])
        #expect(
            dump.programs.map(\.sensor) == [
                "tracepoint/syscalls/sys_enter_openat, tracepoint/sched/sched_switch", "tracepoint/sched/sched_switch",
            ])
        let first = try #require(dump.programs.first), row = try #require(first.rows.first)
        #expect(first.rowsLimit == 4 && first.kernelMemory == 4096 && first.misses == PolicyMisses(busy: 2))
        // The host, and both containers: of one that is not meant it has to be said.
        #expect(first.lists == 3 && first.listsLimit == 256)
        #expect(row.slot == 0 && row.id == 1 && row.policy == PolicyKey(name: "p", namespace: "n") && row.from == 1)
        #expect(row.isMonitored && row.isScoped && row.sets == [0] && row.counts.posts == 1)
    }
}
