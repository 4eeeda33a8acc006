// SPDX-License-Identifier: Apache-2.0
import Policies
import PolicyEngine
import Synchronization
import Testing

/// Policies that want to be told what is mapped to be run.
@Suite struct LoaderPolicyTests {
    private let bench = ManagerBench()

    private var watching: [Int?] { bench.told.loaders.withLock { $0 } }

    @Test("it is looked at from the first such policy on, and no more after the last")
    func lifecycle() async throws {
        bench.plan("a", [], loader: true)
        bench.plan("b", [Samples.hook("b", texts: ["b"])], loader: true)
        bench.plan("c", [Samples.hook("c", texts: ["c"])])
        try await bench.manager.add(Samples.policy("c"))
        #expect(watching.isEmpty)
        try await bench.manager.add(Samples.policy("a"))
        let status = try #require(bench.status("a"))
        #expect(status.state == .enabled && status.sensors == ["loader"] && status.kernelMemory == 4096)
        try await bench.manager.add(Samples.policy("b"))
        #expect(bench.status("b")?.sensors == ["tracepoint/syscalls/sys_enter_openat", "loader"])
        #expect(bench.status("a")?.kernelMemory == 2048)
        try await bench.manager.disable(PolicyKey(name: "a"))
        try await bench.manager.enable(PolicyKey(name: "a"))
        try await bench.manager.delete(PolicyKey(name: "a"))
        try await bench.manager.delete(PolicyKey(name: "b"))
        #expect(watching == [0, 1, 0, 2, 1, 0, 2, 1, nil])
    }

    @Test("a policy that is replaced by one that does not ask is told of nothing more")
    func replaced() async throws {
        bench.plan("a", [], loader: true)
        try await bench.manager.add(Samples.policy("a"))
        bench.plan("a", [Samples.hook("a", texts: ["a"])])
        try await bench.manager.replace(Samples.policy("a", version: 2), from: .client)
        #expect(watching == [0, 1, nil] && bench.status("a")?.sensors == ["tracepoint/syscalls/sys_enter_openat"])
        await bench.manager.stop()
    }

    @Test("an agent that goes looks no more, also where it leaves its programs")
    func stopped() async throws {
        bench.kernel.state.withLock { $0.keepsEverything = true }
        bench.plan("a", [], loader: true)
        try await bench.manager.add(Samples.policy("a"))
        await bench.manager.stop()
        #expect(watching == [0, 1, nil])
    }

    @Test("where a part of a policy cannot be had, nothing of it is: wherever it fails")
    func wholeOrNothing() async throws {
        bench.plan("a", [Samples.hook("a", texts: ["a"])], loader: true)
        var failures = 0
        for steps in 0..<10 {
            bench.kernel.failAfter(steps)
            do {
                try await bench.manager.add(Samples.policy("a"))
                break
            } catch {
                failures += 1
                #expect(bench.status("a")?.state == .loadError)
                #expect((watching.last ?? nil) == nil && bench.kernel.attached.isEmpty)
            }
        }
        #expect(failures > 3 && bench.status("a")?.state == .enabled && watching.last == .some(.some(1)))
        // What was there goes on to hold.
        bench.kernel.failAfter(1)
        await #expect(throws: PolicyManagerError.self) {
            try await bench.manager.replace(Samples.policy("a", version: 2), from: .client)
        }
        #expect(bench.status("a")?.state == .error && watching.last == .some(.some(1)))
        bench.kernel.failAfter(nil)
        await bench.manager.stop()
        #expect(watching.last == .some(nil) && bench.kernel.attached.isEmpty)
    }

    @Test("a rule without a scope is of all, one with a scope of whom it means")
    func rules() {
        #expect(LoadRule(scope: nil).applies(to: nil))
        let pods = LoadRule(scope: ScopeRule(includesHost: false) { $0.namespace == "n" })
        #expect(!pods.applies(to: nil) && pods.applies(to: Samples.container("c")))
        #expect(!pods.applies(to: Samples.container("c", namespace: "m")))
    }
}
