// SPDX-License-Identifier: Apache-2.0
import CLinux
import CRecords
import Foundation
import Policies
import PolicyEngine
import Sensors
import Synchronization
import Testing

/// Policies in the kernel that runs, at tracepoints, which every kernel has. Needs root.
@Suite(.serialized) struct PolicyKernelTests {
    static let loaded = Result { try BaseSensors(configuration()) }

    /// The cgroups do not matter here.
    static func configuration() -> SensorConfiguration { SensorConfiguration(ringBytes: 64 << 20) }

    private func manager(_ plans: ManagerBench.Plans, _ scopes: PolicyScopes = PolicyScopes()) throws -> PolicyManager {
        let sensors = try Self.loaded.get()
        while sensors.drain(limit: 256, { _ in }) > 0 {}
        return PolicyManager(
            LoadedKernel(sensors, Self.configuration(), types: nil), scopes: scopes,
            .init(
                plan: { policy in
                    var plan = PolicyPlan(policy)
                    plan.hooks = plans.state.withLock { $0.hooks[policy.name] ?? [] }
                    return plan
                },
                scope: { plan in plans.state.withLock { $0.rules[plan.policy.name] } }, learn: { _ in },
                forget: { _ in }))
    }

    /// Opens `path` with 0, 1, 2, … behind it, until told to stop.
    private final class Opener: Sendable {
        private let isWanted = Atomic(true)
        private let count = Atomic(0)
        private let isDone = Atomic(false)

        init(_ path: String) {
            Thread.detachNewThread { [self] in
                var number = 0
                while isWanted.load(ordering: .relaxed) {
                    let file = open("\(path)\(number)", O_RDONLY | O_CLOEXEC)
                    if file >= 0 { close(file) }
                    number += 1
                    // So that the ring's reader keeps up.
                    if number % 64 == 0 { usleep(50) }
                }
                count.store(number, ordering: .relaxed)
                isDone.store(true, ordering: .releasing)
            }
        }

        /// How many there were.
        func stop() -> Int {
            isWanted.store(false, ordering: .relaxed)
            while !isDone.load(ordering: .acquiring) { usleep(1000) }
            return count.load(ordering: .relaxed)
        }
    }

    /// Reads the ring in a thread of its own, and counts how often each number was seen.
    private final class Reader: Sendable {
        private let isWanted = Atomic(true)
        private let isDone = Atomic(false)
        private let state = Mutex<(seen: [Int: Int], rows: Set<UInt32>)>(([:], []))
        let sensors: BaseSensors

        init(_ sensors: BaseSensors, _ path: String) {
            self.sensors = sensors
            let prefix = Array(path.utf8)
            Thread.detachNewThread { [self] in
                while true {
                    let isLast = !isWanted.load(ordering: .acquiring)
                    let count = sensors.drain(limit: 1024) { bytes in
                        guard case .policy(let view)? = try? Record(bytes), let value = view.values.first else {
                            return
                        }
                        let text = Array(value.bytes)
                        guard text.starts(with: prefix),
                            let number = Int(String(decoding: text.dropFirst(prefix.count), as: UTF8.self))
                        else { return }
                        state.withLock {
                            $0.seen[number, default: 0] += 1
                            $0.rows.insert(view.fixed.row)
                        }
                    }
                    if count == 0, isLast { break }
                    if count == 0 { usleep(500) }
                }
                isDone.store(true, ordering: .releasing)
            }
        }

        func stop() -> (seen: [Int: Int], rows: Set<UInt32>) {
            isWanted.store(false, ordering: .releasing)
            while !isDone.load(ordering: .acquiring) { usleep(1000) }
            return state.withLock { $0 }
        }
    }

    /// open(2) of paths with one of these beginnings.
    private func openings(_ prefixes: [String], shape change: (inout pol_shape) -> Void = { _ in }) -> HookPlan {
        var hook = Samples.hook("p", texts: []) {
            $0.at_entry.0.filters.0.op = UInt8(POL_PREFIX.rawValue)
            change(&$0)
        }
        hook.sets = [.prefixes(prefixes.map { Array($0.utf8) })]
        return hook
    }

    private func look(at path: String) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        if file >= 0 { close(file) }
    }

    private func noRoom(_ sensors: BaseSensors) -> UInt64 { sensors.statistics().reduce(0) { $0 + $1.counters.0 } }

    /// Replaces a policy over and over while a thread opens files.
    private func replaceOften(_ times: Int, _ hooks: (Int) -> [HookPlan]) async throws {
        let path = "/tmp/apus-replaced-"
        let plans = ManagerBench.Plans()
        let manager = try manager(plans)
        let sensors = try Self.loaded.get()
        plans.state.withLock { $0.hooks["p"] = hooks(0) }
        try await manager.add(Samples.policy("p"))
        let lost = noRoom(sensors)
        let reader = Reader(sensors, path)
        let opener = Opener(path)
        for number in 1...times {
            plans.state.withLock { $0.hooks["p"] = hooks(number) }
            try await manager.replace(Samples.policy("p", version: number), from: .client)
        }
        let count = opener.stop()
        let (seen, rows) = reader.stop()
        await manager.stop()
        #expect(noRoom(sensors) == lost)
        #expect(count > 10 * times)
        let unseen = (0..<count).filter { seen[$0] == nil }
        let twice = seen.filter { $0.value > 1 }
        #expect(unseen.isEmpty, "unseen: \(unseen.count) of \(count)")
        #expect(twice.isEmpty, "seen more than once: \(twice.count) of \(count)")
        #expect(rows.count > times / 2)
    }

    @Test("while a policy is replaced over and over in its program, each call is seen exactly once")
    func replacedInPlace() async throws {
        try await replaceOften(200) { number in [openings(["/tmp/apus-replaced-", "/tmp/other-\(number)"])] }
    }

    @Test("while a policy is replaced by one of another shape, each call is seen exactly once")
    func replacedBeside() async throws {
        try await replaceOften(200) { number in
            [
                openings(["/tmp/apus-replaced-"]) {
                    $0.at_entry.0.post = number % 2 == 0 ? 0 : UInt8(POL_USER_STACK.rawValue)
                }
            ]
        }
    }

    /// At what calls of one shape a policy has hooks, of which this machine has all.
    private static let calls = [
        "unlinkat", "mkdirat", "openat", "mknodat", "fchownat", "newfstatat", "readlinkat", "fchmodat", "faccessat",
        "utimensat",
    ]

    private func opening(_ prefixes: [String], at call: String) -> HookPlan {
        var hook = openings(prefixes)
        hook.place = .tracepoint(subsystem: "syscalls", event: "sys_enter_\(call)")
        return hook
    }

    @Test("while a policy that shares a program among its places gets others, each call is seen exactly once")
    func replacedElsewhere() async throws {
        try await replaceOften(60) { number in
            ["openat", Self.calls[number % 2]].map { opening(["/tmp/apus-replaced-"], at: $0) }
        }
    }

    @Test("ten hooks of one shape take no more memory than one program, and each sees its own calls")
    func tenHooks() async throws {
        let plans = ManagerBench.Plans()
        let manager = try manager(plans)
        plans.state.withLock { state in
            state.hooks["p"] = Self.calls.map { opening(["/tmp/apus-ten-\($0 == "openat" ? "1" : "2")"], at: $0) }
        }
        try await manager.add(Samples.policy("p"))
        #expect(manager.list.map(\.kernelMemory).allSatisfy { $0 > 0 && $0 < 128 << 10 })
        let reader = Reader(try Self.loaded.get(), "/tmp/apus-ten-")
        for path in ["/tmp/apus-ten-1", "/tmp/apus-ten-2"] {
            look(at: path)
            unlink(path)
            mkdirat(AT_FDCWD, path, 0)
            rmdir(path)
        }
        let (seen, rows) = reader.stop()
        await manager.stop()
        // The open of the first, and mkdirat of the second; unlink(2) and rmdir(2) are other calls.
        #expect(seen == [1: 1, 2: 1] && rows.count == 2, "\(seen), by \(rows.count) hooks")
    }

    @Test("programs grow with their policies, and shrink to nothing")
    func growth() async throws {
        let plans = ManagerBench.Plans()
        let manager = try manager(plans)
        for number in 0..<9 {
            plans.state.withLock { $0.hooks["p\(number)"] = [openings(["/tmp/apus-grown-\(number)"])] }
            try await manager.add(Samples.policy("p\(number)"))
        }
        let reader = Reader(try Self.loaded.get(), "/tmp/apus-grown-")
        for number in 0..<9 { look(at: "/tmp/apus-grown-\(number)") }
        try await manager.delete(PolicyKey(name: "p3"))
        try await manager.disable(PolicyKey(name: "p4"))
        for number in 0..<9 { look(at: "/tmp/apus-grown-\(number)") }
        let (seen, rows) = reader.stop()
        #expect(seen == [0: 2, 1: 2, 2: 2, 3: 1, 4: 1, 5: 2, 6: 2, 7: 2, 8: 2])
        #expect(rows.count == 9)
        let memory = manager.list.map(\.kernelMemory)
        #expect(memory.count == 8 && memory.filter { $0 == 0 }.count == 1)
        #expect(memory.allSatisfy { $0 < 100 << 10 })
        await manager.stop()
    }

    @Test("more programs than the kernel takes at a tracepoint are an error that names the bound")
    func bound() async throws {
        let plans = ManagerBench.Plans()
        let manager = try manager(plans)
        // Shapes differ in what they ask of values that this machine has not got.
        func shape(_ number: Int) -> HookPlan {
            openings(["/tmp/apus-bound"]) { $0.arguments.0.max = UInt16(64 + number) }
        }
        var loaded = 0
        var failure = ""
        for number in 0..<65 {
            plans.state.withLock { $0.hooks["p\(number)"] = [shape(number)] }
            do {
                try await manager.add(Samples.policy("p\(number)"))
                loaded += 1
            } catch {
                failure = "\(error)"
                break
            }
        }
        #expect(loaded > 0 && loaded <= 64)
        #expect(failure.contains("the kernel takes 64 programs at one tracepoint"), "\(loaded) loaded: \(failure)")
        #expect(manager.list.last?.state == .loadError)
        #expect(manager.list.filter { $0.state == .enabled }.count == loaded)
        await manager.stop()
    }
}
