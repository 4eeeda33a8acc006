// SPDX-License-Identifier: Apache-2.0
import CRecords
import Policies
import PolicyEngine
import Sensors
import Testing

/// What becomes of policies, with a kernel that can be made to fail.
@Suite struct PolicyManagerTests {
    private let bench = ManagerBench()

    private func texts(_ texts: String...) -> SetContent { .texts(texts.map { Array($0.utf8) }) }

    @Test("a policy that was added holds, is understood, and is listed")
    func add() async throws {
        bench.plan("p", [Samples.hook("p", texts: ["a"])])
        try await bench.manager.add(Samples.policy("p"))
        #expect(bench.kernel.holding.map(\.content) == [texts("a")])
        #expect(bench.kernel.holding.map(\.row) == bench.told.learnt)
        let status = try #require(bench.status("p"))
        #expect(status.state == .enabled && status.error.isEmpty && status.filterID == 0 && status.mode == .enforce)
        #expect(status.sensors == ["tracepoint/syscalls/sys_enter_openat"])
        #expect(status.kernelMemory == 2048)
    }

    @Test("a name is taken once, but for one that was not loaded")
    func names() async throws {
        bench.plan("p", [Samples.hook("p", texts: ["a"])])
        try await bench.manager.add(Samples.policy("p"))
        await #expect(throws: PolicyManagerError.exists(PolicyKey(name: "p"))) {
            try await bench.manager.add(Samples.policy("p"))
        }
        try await bench.manager.add(Samples.policy("p", namespace: "n"))
        await #expect(throws: PolicyManagerError.notLoaded(PolicyKey(name: "q"), "no plan")) {
            try await bench.manager.add(Samples.policy("q"))
        }
        #expect(bench.status("q")?.state == .loadError && bench.status("q")?.error == "no plan")
        bench.plan("q", [])
        try await bench.manager.add(Samples.policy("q"))
        #expect(bench.manager.list.map(\.id) == [1, 2, 3])
        #expect(bench.manager.list.map(\.state) == [.enabled, .enabled, .enabled])
        await #expect(throws: PolicyProblems.self) { try await bench.manager.add("kind: TracingPolicy") }
        #expect(bench.manager.list.count == 3)
    }

    @Test("policies of one shape at one place share a program, which is replaced by a larger one when it is full")
    func sharing() async throws {
        for number in 0..<9 {
            bench.plan("p\(number)", [Samples.hook("p\(number)", texts: ["\(number)"])])
            try await bench.manager.add(Samples.policy("p\(number)"))
            #expect(bench.kernel.attached.count == 1)
            #expect(bench.kernel.holding.map(\.content) == (0...number).map { texts("\($0)") })
            #expect(bench.kernel.holding.map(\.row) == (1...UInt32(number + 1)).map { $0 })
        }
        #expect(bench.kernel.programs.map(\.room.rows) == [2, 4, 8, 16])
        // The third, the fifth and the ninth moved the others; at a tracepoint the older program is called first.
        #expect(bench.kernel.handovers.map(\.from) == [2, 4, 8])
        #expect(bench.kernel.handovers.map(\.first) == [[1: 1], [1: 2], [1: 3]])
        // Rows are used again, ids are not.
        for number in 0..<9 { try await bench.manager.delete(PolicyKey(name: "p\(number)")) }
        #expect(bench.kernel.attached.isEmpty && bench.kernel.holding.isEmpty)
        #expect(bench.kernel.programs.last?.now.sets.isEmpty == true)
        try await bench.manager.add(Samples.policy("p0"))
        #expect(bench.kernel.holding.map(\.row) == [10])
    }

    @Test("texts of another size need another program, as another shape and another place do")
    func shapes() async throws {
        bench.plan("short", [Samples.hook("short", texts: ["a"])])
        bench.plan("long", [Samples.hook("long", texts: [String(repeating: "a", count: 100)])])
        bench.plan("other", [Samples.hook("other", texts: ["a"]) { $0.at_entry.0.post = 1 }])
        bench.plan(
            "elsewhere", [Samples.hook("elsewhere", at: .tracepoint(subsystem: "s", event: "e"), texts: ["a"])])
        try await bench.manager.add(Samples.policy("short"))
        try await bench.manager.add(Samples.policy("long"))
        #expect(bench.kernel.attached.map(\.room.bytes) == [[24: 2, 120: 2]])
        try await bench.manager.add(Samples.policy("other"))
        try await bench.manager.add(Samples.policy("elsewhere"))
        #expect(bench.kernel.attached.count == 3 && bench.kernel.holding.count == 4)
    }

    private func hook(at event: String, texts: [String]) -> HookPlan {
        Samples.hook("p", at: .tracepoint(subsystem: "syscalls", event: event), texts: texts)
    }

    @Test("hooks of one shape at ten places are one program, and go with one wait")
    func places() async throws {
        let events = (0..<10).map { "e\($0)" }
        bench.plan("p", events.map { hook(at: $0, texts: [$0]) })
        try await bench.manager.add(Samples.policy("p"))
        #expect(bench.kernel.programs.map(\.places.count) == [10] && bench.kernel.attached.count == 1)
        func expect(_ events: [String]) {
            #expect(bench.kernel.holding.map(\.content) == events.map { texts($0) })
            #expect(
                bench.kernel.holding.map(\.place) == events.map { .tracepoint(subsystem: "syscalls", event: $0) })
        }
        expect(events)
        // The same beside itself, then one of other places.
        bench.plan("p", events.map { hook(at: $0, texts: [$0]) })
        try await bench.manager.replace(Samples.policy("p", version: 2), from: .client)
        #expect(bench.kernel.programs.count == 1)
        bench.plan("p", events.dropFirst().map { hook(at: $0, texts: [$0]) })
        try await bench.manager.replace(Samples.policy("p", version: 3), from: .client)
        #expect(bench.kernel.attached.map(\.places.count) == [9])
        expect(Array(events.dropFirst()))
        // Each place by its number, which does not change; the older program is called first.
        #expect(bench.kernel.handovers.map(\.first) == [Dictionary(uniqueKeysWithValues: (2...10).map { ($0, 1) })])
        let waits = bench.kernel.waits
        try await bench.manager.delete(PolicyKey(name: "p"))
        #expect(bench.kernel.waits == waits + 1)
        #expect(bench.kernel.attached.isEmpty && bench.kernel.holding.isEmpty)
    }

    @Test("a place has no more than two programs of one shape, however its policies overlap")
    func overlaps() async throws {
        for number in 0..<8 {
            // All are at e0, and each two at another one.
            bench.plan("p\(number)", ["e0", "f\(number / 2)"].map { hook(at: $0, texts: ["\(number)"]) })
            try await bench.manager.add(Samples.policy("p\(number)"))
            let first = HookPlan.Place.tracepoint(subsystem: "syscalls", event: "e0")
            #expect(bench.kernel.attached.filter { $0.places.contains(first) }.count <= 2)
        }
        #expect(bench.kernel.holding.count == 16)
        for number in 0..<8 { try await bench.manager.delete(PolicyKey(name: "p\(number)")) }
        #expect(bench.kernel.attached.isEmpty)
    }

    @Test("a replacement in the same program takes a free row and one step")
    func replacement() async throws {
        bench.plan("p", [Samples.hook("p", texts: ["old"])])
        try await bench.manager.replace(Samples.policy("p"), from: .file("f"))
        let generation = bench.kernel.generation
        bench.plan("p", [Samples.hook("p", texts: ["new"])])
        try await bench.manager.replace(Samples.policy("p"), from: .file("f"))
        #expect(bench.kernel.generation == generation, "it is the same policy")
        try await bench.manager.replace(Samples.policy("p", version: 2), from: .file("f"))
        #expect(bench.kernel.generation == generation + 1)
        #expect(bench.kernel.programs.count == 1)
        #expect(bench.kernel.holding.map(\.content) == [texts("new")])
        #expect(bench.kernel.programs[0].now.rows.count == 1 && bench.kernel.programs[0].now.sets.count == 1)
        #expect(bench.manager.list.map(\.id) == [1])
        for _ in 0..<1000 where bench.told.forgotten.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        #expect(bench.told.forgotten == [1])
    }

    @Test("a replacement that fails leaves what was there, and says so")
    func failedReplacement() async throws {
        bench.plan("p", [Samples.hook("p", texts: ["old"])])
        try await bench.manager.replace(Samples.policy("p"), from: .cluster(PolicyKey(name: "p")))
        bench.plan("p", [Samples.hook("p", texts: ["new"]), Samples.hook("p", texts: ["newer"]) { $0.has_return = 1 }])
        bench.kernel.failAfter(3)
        await #expect(throws: PolicyManagerError.self) {
            try await bench.manager.replace(Samples.policy("p", version: 2), from: .cluster(PolicyKey(name: "p")))
        }
        #expect(bench.kernel.holding.map(\.content) == [texts("old")])
        #expect(bench.status("p")?.state == .error && bench.status("p")?.error.contains("not replaced: no ") == true)
        bench.kernel.failAfter(nil)
        try await bench.manager.replace(Samples.policy("p", version: 2), from: .cluster(PolicyKey(name: "p")))
        #expect(bench.kernel.holding.map(\.content) == [texts("new"), texts("newer")])
        #expect(bench.status("p")?.state == .enabled && bench.status("p")?.error == "")
    }

    /// Four hooks, two of which share a program; a scope; a set of binaries.
    private func manyHooks() -> [HookPlan] {
        var binary = Samples.hook("m", texts: ["b"]) { $0.at_entry.0.filters.1.what = UInt8(POL_BINARY.rawValue) }
        binary.binarySets = [.paths(["/bin/sh"]), .pids([7], inNamespace: false)]
        binary.references.append(OperandReference(selector: 0, filter: 1, set: 1, isBinary: true))
        return [
            Samples.hook("m", texts: ["a"]), binary, Samples.hook("m", texts: ["c"]),
            Samples.hook("m", at: .tracepoint(subsystem: "s", event: "e"), texts: ["d"]),
        ]
    }

    @Test("whatever fails, all hooks of a policy hold or none, and nothing is left over", arguments: 0..<23)
    func wholeOrNothing(_ steps: Int) async throws {
        bench.plan("first", [Samples.hook("first", texts: ["x"])], where: ScopeRule(includesHost: true) { _ in true })
        bench.scopes.set(5, Samples.container("c", namespace: "n"))
        try await bench.manager.add(Samples.policy("first"))
        bench.plan("m", manyHooks(), where: ScopeRule(includesHost: false) { $0.namespace == "n" })
        let before = bench.kernel.programs[0].now
        bench.kernel.failAfter(steps)
        let error = await #expect(throws: PolicyManagerError.self) { try await bench.manager.add(Samples.policy("m")) }
        #expect("\(error ?? .stopped)".contains("no "))
        #expect(bench.status("m")?.state == .loadError)
        #expect(bench.kernel.attached.count == 1)
        #expect(bench.kernel.holding.map(\.content) == [texts("x")])
        #expect(bench.kernel.binarySets.isEmpty)
        let after = bench.kernel.programs[0].now
        #expect(after.sets == before.sets && after.lists == before.lists && after.rows.keys == before.rows.keys)

        bench.kernel.failAfter(nil)
        try await bench.manager.add(Samples.policy("m"))
        #expect(bench.kernel.holding.count == 5)
        #expect(bench.kernel.binarySets.count == 2)
        try await bench.manager.delete(PolicyKey(name: "m"))
        #expect(bench.kernel.holding.map(\.content) == [texts("x")] && bench.kernel.binarySets.isEmpty)
    }

    @Test("what is disabled is kept and holds no more; enabled, it holds again")
    func disabling() async throws {
        let key = PolicyKey(name: "p")
        bench.plan("p", [Samples.hook("p", texts: ["a"])])
        await #expect(throws: PolicyManagerError.unknown(key)) { try await bench.manager.disable(key) }
        try await bench.manager.add(Samples.policy("p"))
        await #expect(throws: PolicyManagerError.isNotDisabled(key)) { try await bench.manager.enable(key) }
        try await bench.manager.disable(key)
        #expect(bench.status("p")?.state == .disabled && bench.kernel.attached.isEmpty)
        await #expect(throws: PolicyManagerError.isNotEnabled(key)) { try await bench.manager.disable(key) }
        try await bench.manager.enable(key)
        #expect(bench.status("p")?.state == .enabled && bench.kernel.holding.map(\.content) == [texts("a")])
        try await bench.manager.delete(key)
        #expect(bench.manager.list.isEmpty)
        await #expect(throws: PolicyManagerError.unknown(key)) { try await bench.manager.delete(key) }
        await #expect(throws: PolicyManagerError.unknown(key)) { try await bench.manager.enable(key) }
    }

    @Test("a policy is made as it is asked to be, from whatever it was, and once is enough")
    func configuration() async throws {
        let key = PolicyKey(name: "p")
        await #expect(throws: PolicyManagerError.unknown(key)) {
            try await bench.manager.configure(key, isEnabled: nil, mode: nil)
        }
        bench.plan("p", [Samples.hook("p", texts: ["a"])])
        try await bench.manager.add(Samples.policy("p"))
        for _ in 0..<2 { try await bench.manager.configure(key, isEnabled: true, mode: .monitor) }
        #expect(bench.status("p")?.state == .enabled && bench.kernel.holding.map(\.isMonitored) == [true])
        for _ in 0..<2 { try await bench.manager.configure(key, isEnabled: false, mode: nil) }
        #expect(bench.status("p")?.state == .disabled && bench.status("p")?.mode == .monitor)
        try await bench.manager.configure(key, isEnabled: true, mode: .enforce)
        #expect(bench.status("p")?.state == .enabled && bench.kernel.holding.map(\.isMonitored) == [false])
        try await bench.manager.configure(key, isEnabled: nil, mode: nil)
        #expect(bench.status("p")?.state == .enabled)

        // One that was not loaded is neither on nor off.
        let broken = PolicyKey(name: "broken")
        try? await bench.manager.add(Samples.policy("broken"))
        await #expect(throws: PolicyManagerError.isNotDisabled(broken)) {
            try await bench.manager.configure(broken, isEnabled: true, mode: nil)
        }
        await #expect(throws: PolicyManagerError.isNotEnabled(broken)) {
            try await bench.manager.configure(broken, isEnabled: false, mode: nil)
        }
    }

    @Test("the mode is the policy's until somebody sets another, which stays")
    func mode() async throws {
        bench.plan("p", [Samples.hook("p", texts: ["a"]), Samples.hook("p", texts: ["b"])])
        try await bench.manager.add(Samples.policy("p"))
        try await bench.manager.setMode(.monitor, of: PolicyKey(name: "p"))
        #expect(bench.kernel.holding.map(\.isMonitored) == [true, true] && bench.status("p")?.mode == .monitor)
        try await bench.manager.replace(Samples.policy("p", version: 2), from: .client)
        #expect(bench.kernel.holding.map(\.isMonitored) == [true, true] && bench.status("p")?.mode == .monitor)
        try await bench.manager.setMode(.enforce, of: PolicyKey(name: "p"))
        #expect(bench.kernel.holding.map(\.isMonitored) == [false, false] && bench.status("p")?.mode == .enforce)
    }

    @Test("what cannot be read is listed by its name, and what it was before goes on to hold")
    func unreadable() async throws {
        try await bench.manager.note("line 1: bad", of: .file("/f"), as: PolicyKey(name: "f"))
        #expect(bench.status("f")?.state == .loadError && bench.status("f")?.error == "line 1: bad")
        bench.plan("p", [Samples.hook("p", texts: ["a"])])
        try await bench.manager.replace(Samples.policy("p"), from: .file("/g"))
        try await bench.manager.note("line 2: worse", of: .file("/g"), as: PolicyKey(name: "g"))
        #expect(bench.status("g") == nil && bench.status("p")?.state == .error)
        #expect(bench.status("p")?.error == "line 2: worse" && bench.kernel.holding.count == 1)
        #expect(await bench.manager.keys(from: .file("/g")) == [PolicyKey(name: "p")])
    }

    @Test("after the end nothing holds and nothing is taken")
    func stopping() async throws {
        bench.plan("p", [Samples.hook("p", texts: ["a"])])
        try await bench.manager.add(Samples.policy("p"))
        await bench.manager.stop()
        #expect(bench.kernel.attached.isEmpty)
        await #expect(throws: PolicyManagerError.stopped) { try await bench.manager.add(Samples.policy("q")) }
    }

    @Test("binary sets that say the same are one, and there are 512")
    func binaries() async throws {
        func hook(_ sets: [BinarySetContent]) -> HookPlan {
            var hook = Samples.hook("b", texts: ["a"])
            hook.binarySets = sets
            return hook
        }
        bench.plan("one", [hook([.paths(["/a"])])])
        bench.plan("two", [hook([.paths(["/a"]), .prefixes(["/a"])])])
        bench.plan("many", [hook((0..<511).map { .paths(["/\($0)"]) })])
        try await bench.manager.add(Samples.policy("one"))
        try await bench.manager.add(Samples.policy("two"))
        #expect(bench.kernel.binarySets.count == 2)
        try await bench.manager.delete(PolicyKey(name: "one"))
        #expect(bench.kernel.binarySets.count == 2)
        let error = await #expect(throws: PolicyManagerError.self) {
            try await bench.manager.add(Samples.policy("many"))
        }
        #expect("\(error ?? .stopped)".contains("more than 512 different sets of binaries"))
        #expect(bench.kernel.binarySets.count == 2)
        try await bench.manager.delete(PolicyKey(name: "two"))
        #expect(bench.kernel.binarySets.isEmpty)
        try await bench.manager.add(Samples.policy("many"))
        #expect(bench.kernel.binarySets.count == 511)
    }
}
