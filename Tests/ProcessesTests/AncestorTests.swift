import CRecords
// SPDX-License-Identifier: Apache-2.0
import Containers
import Testing

@testable import Processes

@Suite("Ancestors")
struct AncestorTests {
    private var script = Script()

    /// A child of another process that executes a program of its own.
    private mutating func run(_ pid: UInt32, from parent: rec_image, arguments: [String] = []) {
        script.fork(image(pid), from: parent)
        script.exec(image(pid, execs: 1), filename: "/bin/p\(pid)", arguments: arguments)
    }

    private func pids() throws -> [UInt32] { try #require(script.events.last).ancestors.map(\.pid) }

    @Test("they go from the parent's parent up to pid 1")
    mutating func family() throws {
        run(10, from: Script.init1)
        #expect(try pids() == [])
        run(11, from: image(10, execs: 1))
        #expect(try pids() == [1])
        run(12, from: image(11, execs: 1))
        #expect(try pids() == [10, 1])
        run(13, from: image(12, execs: 1))
        #expect(try pids() == [11, 10, 1])
        #expect(script.events.last?.ancestors.map(\.binary) == ["/bin/p11", "/bin/p10", "/sbin/init"])
        script.exit(image(13, execs: 1))
        #expect(try pids() == [11, 10, 1])
    }

    @Test("those who have ended are still ancestors")
    mutating func ended() throws {
        run(10, from: Script.init1)
        run(11, from: image(10, execs: 1))
        run(12, from: image(11, execs: 1))
        script.exit(image(10, execs: 1))
        script.exit(image(11, execs: 1))
        run(13, from: image(12, execs: 1))
        #expect(try pids() == [11, 10, 1])
        #expect(script.tracker.processCount == 4)
    }

    @Test("a process that only forked is one too")
    mutating func forkedOnly() throws {
        run(10, from: Script.init1)
        script.fork(image(11), from: image(10, execs: 1))
        script.fork(image(12), from: image(11))
        run(13, from: image(12))
        #expect(try pids() == [11, 10, 1])
    }

    @Test("of a process that executes one program after the other the first and the last are remembered")
    mutating func manyExecs() throws {
        run(10, from: Script.init1)
        for count in 2...500 { script.exec(image(10, execs: UInt32(count)), filename: "/bin/e\(count)") }
        #expect(script.events.last?.parent?.binary == "/bin/e499")
        #expect(script.events.last?.ancestors.map(\.binary) == ["/bin/e498", "/bin/p10", "/sbin/init"])
        run(11, from: image(10, execs: 500))
        #expect(script.events.last?.ancestors.map(\.binary) == ["/bin/e499", "/bin/p10", "/sbin/init"])
    }

    @Test("there is an end to them, also where each has ended long ago")
    mutating func chain() throws {
        run(10, from: Script.init1)
        for pid in UInt32(11)...500 {
            run(pid, from: image(pid - 1, execs: 1))
            let count = try pids().count
            #expect((min(Int(pid) - 10, 32)...64).contains(count))
            script.exit(image(pid - 1, execs: 1))
        }
        // The last event is the exit of 499.
        #expect(try pids().starts(with: (467...497).reversed()))
        #expect(script.tracker.processCount == 3)
    }

    @Test("of one that is over the first arguments are kept, cut between characters; of others all")
    mutating func longArguments() throws {
        let long = ["p10", String(repeating: "ä", count: 300)]
        run(10, from: Script.init1, arguments: long)
        run(11, from: image(10, execs: 1))
        run(12, from: image(11, execs: 1))
        let alive = try #require(script.events.last?.ancestors.first { $0.pid == 10 })
        #expect(alive.arguments == long[1] && !alive.flags.contains("truncArgs"))
        script.exit(image(10, execs: 1))
        run(13, from: image(12, execs: 1))
        let over = try #require(script.events.last?.ancestors.first { $0.pid == 10 })
        #expect(over.arguments == String(repeating: "ä", count: 256))
        #expect(over.flags == "execve clone truncArgs")
        #expect(over.execID == alive.execID && over.binary == alive.binary)
    }

    @Test("those of a process that was there before the agent are found too")
    func existing() throws {
        var script = Script()
        var ancestors: [UInt32: [UInt32]] = [:]
        _ = script.tracker.adopt(
            tasks: [
                Script.exec(image(5), parent: Script.init1, type: REC_TASK, exe: "a\0"),
                Script.exec(image(6), parent: image(5), type: REC_TASK, exe: "b\0"),
                Script.exec(image(7), parent: image(6), type: REC_TASK, exe: "c\0"),
            ], early: [], procfs: Procfs(root: "/nonexistent"), cgroupPaths: [:]
        ) { ancestors[$0.process.pid] = $0.ancestors.map(\.pid) }
        #expect(ancestors == [5: [], 6: [1], 7: [5, 1]])
    }

    @Test("a process of which nothing is known has none")
    mutating func stranger() throws {
        script.exit(image(99))
        #expect(try pids() == [])
    }
}
