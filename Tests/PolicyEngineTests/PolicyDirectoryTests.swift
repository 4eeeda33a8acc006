// SPDX-License-Identifier: Apache-2.0
import Foundation
import Logging
import Policies
import PolicyEngine
import Testing

/// Policies that come and go with their files.
@Suite struct PolicyDirectoryTests {
    private let bench = ManagerBench()
    private let path = "/tmp/apus-policies-\(UInt32.random(in: 0...UInt32.max))"

    init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    private func text(_ names: String...) -> String {
        names.map { "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: \($0)}\nspec: {}\n" }
            .joined(separator: "---\n")
    }

    private func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: "\(path)/\(name)"))
    }

    private func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: "\(path)/\(name)") }

    private var directory: PolicyDirectory {
        PolicyDirectory(
            path, bench.manager, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, period: .milliseconds(50)
        )
    }

    private var states: [String: PolicyStatus.State] {
        Dictionary(uniqueKeysWithValues: bench.manager.list.map { ($0.key.name, $0.state) })
    }

    @Test("files are read by name, hidden ones and directories are not")
    func reading() async throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        for name in ["a", "b", "c"] { bench.plan(name, []) }
        try write("2.yaml", text("b"))
        try write("1.yaml", text("a", "c"))
        try write(".hidden", text("d"))
        try FileManager.default.createDirectory(atPath: "\(path)/3.yaml", withIntermediateDirectories: false)
        await directory.read()
        #expect(bench.manager.list.map(\.key.name) == ["a", "c", "b"])
        #expect(bench.manager.list.map(\.source) == ["1", "1", "2"].map { .file("\(path)/\($0).yaml") })
    }

    @Test("a file that cannot be used is listed, and a policy that it had before stays until the file is right")
    func mistakes() async throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        bench.plan("a", [])
        let directory = directory
        try write("bad", "kind: [")
        try write("empty", "")
        try write("unknown", text("not-planned"))
        try write("twice", text("t", "t"))
        try write("big", String(repeating: "#", count: 2 << 20))
        await directory.read()
        #expect(
            states == [
                "bad": .loadError, "empty": .loadError, "not-planned": .loadError, "twice": .loadError,
                "big": .loadError,
            ])
        #expect(bench.manager.list.allSatisfy { !$0.error.isEmpty })
        #expect(bench.manager.list.first { $0.key.name == "twice" }?.error.contains("two policies") == true)
        for name in ["empty", "unknown", "twice", "big"] { try remove(name) }
        try write("bad", text("a"))
        await directory.read()
        #expect(states == ["a": .enabled])
        try write("bad", "kind: [")
        await directory.read()
        #expect(states == ["a": .error])
        try write("bad", text("a"))
        await directory.read()
        #expect(states == ["a": .enabled])
    }

    @Test("a file that gets another name has its policy all the time")
    func renamed() async throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        bench.plan("a", [Samples.hook("a", texts: ["a"])])
        let directory = directory
        for (old, new) in [("", "f"), ("f", "z"), ("z", "b")] {
            if old.isEmpty {
                try write(new, text("a"))
            } else {
                try FileManager.default.moveItem(atPath: "\(path)/\(old)", toPath: "\(path)/\(new)")
            }
            await directory.read()
            // It would have another id if it had gone.
            #expect(bench.manager.list.map(\.id) == [1] && bench.kernel.holding.count == 1)
            #expect(bench.status("a")?.source == .file("\(path)/\(new)"))
        }
    }

    @Test("of two files with one policy the other has it when one goes")
    func twins() async throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        bench.plan("a", [Samples.hook("a", texts: ["a"])])
        let directory = directory
        try write("1", text("a"))
        try write("2", text("a"))
        await directory.read()
        #expect(bench.status("a")?.source == .file("\(path)/2"))
        try remove("2")
        await directory.read()
        #expect(states == ["a": .enabled] && bench.status("a")?.source == .file("\(path)/1"))
    }

    @Test("what is put there, changed and taken away is followed")
    func following() async throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        for name in ["a", "b"] { bench.plan(name, []) }
        let task = Task { [directory] in await directory.run() }
        try write("f", text("a"))
        #expect(await eventually { states == ["a": .enabled] })
        try write("f", text("b"))
        #expect(await eventually { states == ["b": .enabled] })
        try remove("f")
        #expect(await eventually { states.isEmpty })
        task.cancel()
        await task.value
    }

    private func eventually(_ condition: () -> Bool) async -> Bool {
        for _ in 0..<1000 {
            if condition() { return true }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return condition()
    }

    @Test("a file of its own loads whole or says which policy does not")
    func single() async throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        bench.plan("a", [])
        try write("f", text("a", "unknown"))
        let error = await #expect(throws: PolicyLoadError.self) {
            try await PolicyFile("\(path)/f").load(into: bench.manager)
        }
        #expect(error?.description.hasPrefix("\(path)/f: tracing policy unknown was not loaded: ") == true)
        #expect(states == ["a": .enabled, "unknown": .loadError])
        await #expect(throws: PolicyLoadError.self) { try await PolicyFile("/nonexistent").load(into: bench.manager) }
    }
}
