// SPDX-License-Identifier: Apache-2.0
import Policies
import PolicyEngine
import Sensors
import Synchronization
import Testing

/// What earlier agents have left, as the manager treats it.
@Suite struct LeftoverTests {
    private static func left(_ name: String, _ namespace: String = "") -> PinnedPolicy {
        PinnedPolicy(owner: PinnedOwner(name: name, namespace: namespace), programs: ["1/2"])
    }

    private let bench = ManagerBench([left("a"), left("b"), left("c", "n")])

    private var names: [String] { bench.manager.list.map { "\($0.key)" } }

    @Test("what an earlier agent left is listed, enabled, with ids of its own")
    func listing() async throws {
        bench.plan("p", [])
        try await bench.manager.add(Samples.policy("p"))
        #expect(names == ["a", "b", "n/c", "p"])
        #expect(bench.manager.list.map(\.id) == [1, 2, 3, 4])
        let status = try #require(bench.status("a"))
        #expect(status.state == .enabled && status.info.contains("an earlier agent left it"))
        #expect(status.sensors == ["pinned/1/2"] && status.source == .earlierAgent)
    }

    @Test("a policy of the same name takes its place once it holds, and not before")
    func succession() async throws {
        await #expect(throws: PolicyManagerError.notLoaded(PolicyKey(name: "a"), "no plan")) {
            try await bench.manager.add(Samples.policy("a"))
        }
        #expect(bench.kernel.leftovers.count == 3)
        bench.plan("a", [Samples.hook("a", texts: ["a"])])
        try await bench.manager.add(Samples.policy("a"))
        #expect(bench.kernel.holding.count == 1)
        #expect(names == ["b", "n/c", "a"] && bench.status("a")?.source == .client)
        // Of another namespace it is another one.
        bench.plan("c", [])
        try await bench.manager.add(Samples.policy("c"))
        #expect(names == ["b", "n/c", "a", "c"])
    }

    @Test("it can be deleted, and nothing else")
    func deletion() async throws {
        let key = PolicyKey(name: "a")
        await #expect(throws: PolicyManagerError.isLeftover(key)) { try await bench.manager.disable(key) }
        await #expect(throws: PolicyManagerError.isLeftover(key)) { try await bench.manager.enable(key) }
        await #expect(throws: PolicyManagerError.isLeftover(key)) {
            try await bench.manager.setMode(.monitor, of: key)
        }
        try await bench.manager.delete(key)
        #expect(names == ["b", "n/c"] && bench.kernel.leftovers.count == 2)
        await #expect(throws: PolicyManagerError.unknown(key)) { try await bench.manager.delete(key) }
    }

    @Test("released, all of it goes but what has a successor that could not be loaded")
    func release() async throws {
        try? await bench.manager.add(Samples.policy("b"))
        #expect(
            try await bench.manager.releaseLeftovers() == [PolicyKey(name: "a"), PolicyKey(name: "c", namespace: "n")])
        #expect(bench.manager.list.map(\.state) == [.enabled, .loadError] && names == ["b", "b"])
        #expect(bench.kernel.leftovers == [Self.left("b")])
        try await bench.manager.delete(PolicyKey(name: "b"))
        #expect(names.isEmpty && bench.kernel.leftovers.isEmpty)
    }

    @Test("while a file cannot be read nobody knows whose successor it has, and all of it stays")
    func unreadable() async throws {
        bench.plan("a", [Samples.hook("a", texts: ["a"])])
        try await bench.manager.add(Samples.policy("a"), from: .file("/p/a"))
        try await bench.manager.note("not YAML", of: .file("/p/x"), as: PolicyKey(name: "x"))
        #expect(try await bench.manager.releaseLeftovers().isEmpty)
        #expect(names == ["b", "n/c", "a", "x"] && bench.kernel.leftovers.count == 2)
        try await bench.manager.delete(PolicyKey(name: "x"))
        #expect(try await bench.manager.releaseLeftovers().count == 2)
    }

    @Test("each row is written beside whose it is; what is to stay is not detached at the end")
    func keeping() async throws {
        bench.plan("p", [Samples.hook("p", texts: ["a"])])
        bench.plan("q", [Samples.hook("q", texts: ["b"])])
        bench.kernel.state.withLock { $0.keepsEverything = true }
        try await bench.manager.add(Samples.policy("p"))
        try await bench.manager.add(Samples.policy("q", namespace: "n"))
        await bench.manager.stop()
        #expect(bench.kernel.holding.count == 2)
        #expect(
            Set(bench.kernel.attached.flatMap(\.now.owners.values)) == [
                PolicyKey(name: "p"), PolicyKey(name: "q", namespace: "n"),
            ])
        await #expect(throws: PolicyManagerError.stopped) { try await bench.manager.add(Samples.policy("r")) }
    }
}
