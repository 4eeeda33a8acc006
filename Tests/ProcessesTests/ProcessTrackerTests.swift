import CRecords
// SPDX-License-Identifier: Apache-2.0
import Containers
import Models
import Processes
import Testing

@Suite struct ProcessTrackerTests {
    private var script = Script()

    @Test mutating func `the first exec after a fork has the forking process as parent`() {
        script.exec(image(1, execs: 1), parent: image(0), filename: "/bin/sh")
        script.fork(image(5), from: image(1, execs: 1))
        // Reparented meanwhile: the record's own parent is another.
        script.exec(image(5, execs: 1), parent: image(2), filename: "/bin/true")
        let exec = script.events[1]
        #expect(exec.process.binary == "/bin/true")
        #expect(exec.process.flags == "execve clone")
        #expect(exec.process.parentExecID == script.events[0].process.execID)
        #expect(exec.parent?.binary == "/bin/sh")
    }

    @Test mutating func `an exec without a fork has the process's previous image as parent`() {
        script.fork(image(5), from: image(1))
        script.exec(image(5, execs: 1), filename: "/bin/sh")
        script.exec(image(5, execs: 2), filename: "/bin/sleep")
        #expect(script.events[1].process.parentExecID == script.events[0].process.execID)
        #expect(script.events[1].parent?.binary == "/bin/sh")
        #expect(script.events[1].process.flags == "execve")
        #expect(script.events[1].process.execID != script.events[0].process.execID)
    }

    @Test mutating func `an exit carries the last image and ends it`() {
        script.fork(image(5), from: image(1))
        script.exec(image(5, execs: 1), filename: "/bin/false")
        script.exit(image(5, execs: 1), code: 1 << 8)
        #expect(script.events[1].kind == .exit(code: 256))
        #expect(script.events[1].process === script.events[0].process)
        #expect(script.events[1].references == 0)
        #expect(script.tracker.counters.exits == 1)
    }

    @Test mutating func `an exit told by two threads is one event`() {
        script.fork(image(5), from: image(1))
        script.exit(image(5))
        script.exit(image(5))
        #expect(script.events.count == 1)
        #expect(script.tracker.counters.repeatedExits == 1)
        #expect(script.tracker.counters.unknownExits == 0)
    }

    @Test mutating func `a process that never exec'd leaves with its parent's program`() {
        script.exec(image(1, execs: 1), parent: image(0), filename: "/bin/sh", arguments: ["sh", "-c", "x"])
        script.fork(image(5), from: image(1, execs: 1))
        script.exit(image(5))
        let exit = script.events[1]
        #expect(exit.process.binary == "/bin/sh")
        #expect(exit.process.arguments == "-c x")
        #expect(exit.process.pid == 5)
        #expect(exit.process.flags == "rootcwd clone")
    }

    @Test mutating func `the exit of a stranger is told and counted`() {
        script.exit(image(77), code: 9)
        #expect(script.events.count == 1)
        #expect(script.events[0].process.flags == "unknown")
        #expect(script.events[0].process.pid == 77)
        #expect(script.tracker.counters.unknownExits == 1)
    }

    @Test mutating func `a pid used again is another process`() {
        script.fork(image(5), from: image(1))
        script.exec(image(5, execs: 1), filename: "/bin/old")
        var reused = image(5)
        reused.start = 99_000_000
        script.fork(reused, from: image(1))
        script.exit(reused)
        #expect(script.events[1].process.execID != script.events[0].process.execID)
        #expect(script.events[1].process.binary != "/bin/old")
    }

    /// Whoever had the pid before left without a word: its exit was lost.
    @Test mutating func `a pid that is given again has nothing of who had it before`() {
        script.fork(image(5), from: image(1))
        script.exec(image(5, execs: 1), filename: "/bin/old")
        let reused = rec_image(start: 99_000_000, tgid: 5, exec_count: 1)
        // Neither end nor parent of one is the other's.
        script.exit(reused)
        #expect(script.events.last?.process.flags == "unknown")
        script.fork(image(6), from: reused)
        script.exec(image(6, execs: 1), parent: reused, filename: "/bin/child")
        #expect(script.events.last?.parent == nil)
        script.exec(image(5, execs: 2), filename: "/bin/old")
        #expect(script.events.last?.parent?.binary == "/bin/old")
        script.exec(rec_image(start: 99_000_000, tgid: 5, exec_count: 3), filename: "/bin/new")
        #expect(script.events.last?.parent?.pid == 1)
    }

    @Test mutating func `references count a process and its children`() {
        script.fork(image(5), from: image(1))
        script.exec(image(5, execs: 1), filename: "/bin/sh")
        script.fork(image(6), from: image(5, execs: 1))
        script.exec(image(6, execs: 1), filename: "/bin/a")
        #expect(script.events[0].references == 1)
        #expect(script.events[1].parentReferences == 2)
        script.exit(image(6, execs: 1))
        script.exit(image(5, execs: 1))
        #expect(script.events[3].references == 0)
    }

    @Test mutating func `a child still knows its parent after the parent has gone`() {
        script.fork(image(5), from: image(1))
        script.exec(image(5, execs: 1), filename: "/bin/sh")
        script.fork(image(6), from: image(5, execs: 1))
        script.exit(image(5, execs: 1))
        script.exec(image(6, execs: 1), filename: "/bin/a")
        #expect(script.events[2].parent?.binary == "/bin/sh")
    }

    @Test mutating func `an exec whose parent nobody knows says miss and is counted`() {
        script.exec(image(5, execs: 1), parent: image(4), filename: "/bin/a")
        #expect(script.events[0].process.flags == "execve miss")
        #expect(script.events[0].process.parentExecID == "")
        #expect(script.events[0].parent == nil)
        #expect(script.tracker.counters.unknownParents == 1)
    }

    // MARK: Names

    @Test(arguments: [
        ("/bin/ls", "usr\0", "/bin/ls"), ("./x", "b\0a\0", "/a/b/x"), ("../x", "b\0a\0", "/a/x"), ("x", "", "/x"),
        ("/a//b/./c/../d", "", "/a/b/d"), ("../../../x", "a\0", "/x"),
    ])
    mutating func `a binary is the name as given, made absolute`(name: String, cwd: String, expected: String) {
        script.exec(image(5), filename: name, cwd: cwd)
        #expect(script.events[0].process.binary == expected)
    }

    @Test(arguments: [
        (["a"], ""), (["a", "b", "c"], "b c"), (["a", "b c"], "\"b c\""), (["a", ""], "\"\""),
        (["a", "", "b"], "\"\" b"), (["a", "b", ""], "b \"\""), (["a", "say \"hi\""], "\"say \\\"hi\\\"\""),
        (["a", "x\ny"], "\"x\ny\""), (["a", "it's"], "it's"), (["a", "c:\\d"], "c:\\d"),
        (["a", "c:\\d e"], "\"c:\\\\d e\""), ([], ""),
    ])
    mutating func `arguments are joined so that they can be told apart`(vector: [String], expected: String) {
        script.exec(image(5), filename: "/a", arguments: vector)
        #expect(script.events[0].process.arguments == expected)
    }

    // MARK: Long arguments

    @Test mutating func `an exec waits for its arguments and other processes do not`() {
        script.exec(image(5), filename: "/a", arguments: ["a", "bbb"], argumentsTotal: 10)
        script.exec(image(6), filename: "/b", cpu: 1)
        script.moreArguments(image(5), at: 6, "ccc\0")
        #expect(script.events.map(\.process.binary) == ["/b", "/a"])
        #expect(script.events[1].process.arguments == "bbb ccc")
        #expect(script.events[1].process.flags.contains("dataArgs"))
        #expect(!script.events[1].process.flags.contains("truncArgs"))
    }

    @Test mutating func `arguments lost on the way are cut where the loss is, flagged and counted`() {
        script.exec(image(5), filename: "/a", arguments: ["a", "bbb"], argumentsTotal: 14)
        script.lose(1)
        script.moreArguments(image(5), at: 10, "ddd\0")
        script.exit(image(5))
        #expect(script.events.count == 2)
        #expect(script.events[0].process.arguments == "bbb")
        #expect(script.events[0].process.flags.contains("truncArgs"))
        #expect(script.tracker.counters.lostArguments == 1)
    }

    @Test mutating func `more arguments than were announced are left out`() {
        script.exec(image(5), filename: "/a", arguments: ["a", "bbb"], argumentsTotal: 10)
        script.moreArguments(image(5), at: 6, "ccc\0ddd\0")
        #expect(script.events.map(\.process.arguments) == ["bbb ccc"])
    }

    @Test mutating func `a quiet ring ends the wait for arguments`() {
        script.exec(image(5), filename: "/a", arguments: ["a", "bbb"], argumentsTotal: 14)
        #expect(script.events.isEmpty)
        script.quiet()
        #expect(script.events.count == 1)
    }

    // MARK: Losses

    @Test mutating func `numbers that never arrive are losses`() {
        script.exec(image(5), filename: "/a")
        script.lose(3)
        script.exec(image(6), filename: "/b")
        script.lose(2, cpu: 1)
        script.exec(image(7), filename: "/c", cpu: 1)
        #expect(script.tracker.ledger.lost == 5)
        #expect(script.tracker.ledger.received == 3)
        // What a CPU lost last leaves no gap, and what was counted a while ago is less than what the gaps say.
        #expect(script.tracker.ledger.lost(counted: []) == 5)
        #expect(script.tracker.ledger.lost(counted: [4, 0, 7]) == 4 + 2 + 7)
    }

    @Test(arguments: [[], [1, 2, 3], [UInt8](repeating: 0xFF, count: 24), [UInt8](repeating: 0xFF, count: 300)])
    mutating func `what is no record is counted and nothing else`(bytes: [UInt8]) {
        script.send(bytes)
        #expect(script.events.isEmpty)
        #expect(script.tracker.ledger.malformed == 1)
        // Whatever came with a number is in its CPU's count.
        #expect(script.tracker.ledger.received + script.tracker.ledger.malformedUnnumbered == 1)
    }

    @Test mutating func `processes whose exit was lost are swept`() {
        script.fork(image(5), from: image(1))
        script.fork(image(6), from: image(1))
        let gone = script.tracker.processes { $0 == 5 }
        #expect(gone.count == 1)
        script.tracker.remove(gone)
        #expect(script.tracker.counters.swept == 1)
        script.exit(image(6))
        #expect(script.tracker.counters.exits == 1)
    }

    @Test mutating func `a long chain of forks without an exec is no deep one`() {
        var parent = image(1)
        for pid in 2..<UInt32(200_000) {
            script.fork(image(pid), from: parent)
            parent = image(pid)
        }
        script.exit(parent)
        #expect(script.events.count == 1)
    }

    // MARK: Rights and files

    @Test mutating func `set-id bits, file capabilities and an unlinked file are told`() {
        script.exec(
            image(5), filename: "/a",
            flags: rec_flag(REC_FLAG_SETUID.rawValue | REC_FLAG_PRIVILEGED_ID.rawValue | REC_FLAG_FILE_CAPS.rawValue)
        ) {
            $0.file = rec_file(inode: 42, nlink: 0, mode: 0)
        }
        let properties = script.events[0].process.properties
        #expect(properties?.setuid == 0)
        #expect(properties?.setgid == nil)
        #expect(properties?.privileges == [.fileCapabilities, .fileSetuid])
        #expect(properties?.unlinked == .init(inode: 42, links: 0, path: ""))
    }

    @Test mutating func `an ordinary file has no properties to tell`() {
        script.exec(image(5), filename: "/a") { $0.file = rec_file(inode: 42, nlink: 1, mode: 0) }
        #expect(script.events[0].process.properties == nil)
    }

    @Test("numbers that no kernel gives are counted, and end nothing", arguments: [0, UInt64.max])
    mutating func impossibleNumbers(sequence: UInt64) {
        for cpu: UInt16 in 0..<2 {
            var record = rec_exit()
            record.head.type = UInt16(REC_EXIT.rawValue)
            record.head.cpu = cpu
            record.head.seq = sequence
            script.send(withUnsafeBytes(of: record) { Array($0) })
        }
        let ledger = script.tracker.ledger
        #expect(ledger.received == 2)
        #expect(ledger.lostByCPU == (sequence == 0 ? [0, 0] : [sequence - 1, sequence - 1]))
        #expect(ledger.lost == ledger.lost(counted: []) && (sequence != 0 || ledger.lost == 0))
    }
}
