// SPDX-License-Identifier: Apache-2.0
import Policies
import PolicyEngine
import Sensors
import Testing

/// Which rows apply to whom, as containers come, change and go.
@Suite struct PolicyScopesTests {
    private let bench = ManagerBench()

    private func named(_ name: String) -> ScopeRule { ScopeRule(includesHost: false) { $0.name == name } }

    private var lists: [UInt64: [UInt32]] { bench.kernel.attached.first?.now.lists ?? [:] }

    @Test("containers before and after the policy, and those whose labels come late")
    func comingAndGoing() async throws {
        bench.scopes.set(10, Samples.container("web"))
        bench.scopes.set(11, Samples.container("db"))
        bench.plan("p", [Samples.hook("p", texts: ["a"])], where: named("web"))
        try await bench.manager.add(Samples.policy("p"))
        #expect(lists == [10: [0]])
        #expect(bench.status("p")?.filterID == 1)
        bench.scopes.set(12, Samples.container("web"))
        bench.scopes.set(11, Samples.container("web"))
        bench.scopes.set(10, Samples.container("db"))
        #expect(lists == [11: [0], 12: [0]])
        bench.scopes.remove(12)
        #expect(lists == [11: [0]])
        try await bench.manager.delete(PolicyKey(name: "p"))
        #expect(bench.kernel.attached.isEmpty)
        bench.scopes.set(13, Samples.container("web"))
        #expect(bench.kernel.programs[0].now.lists.isEmpty)
    }

    @Test("policies of one shape are in one list, each where it applies")
    func sharing() async throws {
        bench.scopes.set(10, Samples.container("web"))
        bench.scopes.set(11, Samples.container("db"))
        bench.plan("w", [Samples.hook("w", texts: ["a"])], where: named("web"))
        bench.plan("d", [Samples.hook("d", texts: ["b"])], where: named("db"))
        bench.plan("all", [Samples.hook("all", texts: ["c"])], where: ScopeRule(includesHost: false) { _ in true })
        for name in ["w", "d", "all"] { try await bench.manager.add(Samples.policy(name)) }
        // The third needed another program, in which the first two have moved.
        #expect(bench.kernel.attached.count == 1)
        #expect(lists == [10: [0, 2], 11: [1, 2]])
        try await bench.manager.delete(PolicyKey(name: "w"))
        #expect(lists == [10: [2], 11: [1, 2]])
    }

    @Test("where the host is included, containers that are not say so")
    func host() async throws {
        bench.scopes.set(10, Samples.container("web"))
        bench.plan("w", [Samples.hook("w", texts: ["a"])], where: named("web"))
        bench.plan("h", [Samples.hook("h", texts: ["b"])], where: ScopeRule(includesHost: true) { _ in false })
        try await bench.manager.add(Samples.policy("w"))
        bench.scopes.set(11, Samples.container("db"))
        #expect(lists == [10: [0]])
        try await bench.manager.add(Samples.policy("h"))
        #expect(lists == [0: [1], 10: [0], 11: []])
        try await bench.manager.delete(PolicyKey(name: "h"))
        #expect(lists == [10: [0]])
    }

    @Test("scoped and unscoped policies of one shape have programs of their own")
    func unscoped() async throws {
        bench.plan("w", [Samples.hook("w", texts: ["a"])], where: named("web"))
        bench.plan("everywhere", [Samples.hook("everywhere", texts: ["a"])])
        try await bench.manager.add(Samples.policy("w"))
        try await bench.manager.add(Samples.policy("everywhere"))
        #expect(bench.kernel.attached.map(\.room.lists) == [256, 0])
        #expect(bench.manager.list.map(\.filterID) == [1, 0])
    }

    @Test("lists grow with the containers, and what finds no room is told")
    func room() async throws {
        bench.plan("p", [Samples.hook("p", texts: ["a"])], where: ScopeRule(includesHost: false) { _ in true })
        try await bench.manager.add(Samples.policy("p"))
        for cgroup in 1...UInt64(200) { bench.scopes.set(cgroup, Samples.container("")) }
        for _ in 0..<1000 where bench.kernel.attached.first?.room.lists == 256 {
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(bench.kernel.attached.count == 1 && lists.count == 200)
        #expect(bench.kernel.attached.first?.room.lists == 512)
        bench.kernel.failAfter(0)
        #expect(bench.scopes.set(201, Samples.container("")) == ["no list today"])
        #expect(bench.status("p")?.state == .error)
        #expect(bench.status("p")?.error == "does not hold in 1 containers: no list today")
        bench.kernel.failAfter(nil)
        bench.scopes.set(201, Samples.container("n"))
        #expect(bench.status("p")?.state == .enabled && lists.count == 201)
    }
}
