// SPDX-License-Identifier: Apache-2.0
import CRecords
import Sensors
import Testing

@testable import Processes

@Suite("Files that processes map to run them")
struct LoadTests {
    /// Events in short: what happened to which program.
    private func told(_ script: Script, since: Int = 0) -> [String] {
        script.events[since...].map { event in
            switch event.kind {
            case .exec: "exec \(event.process.binary)"
            case .exit: "exit \(event.process.binary)"
            case .loader(let file): "\(event.process.binary) maps \(file.path)"
            default: "other"
            }
        }
    }

    private func mapping(
        _ process: UInt32, _ path: String, at time: UInt64, buildID: [UInt8] = [1]
    ) -> MappingRecord {
        .mapped(MappedFile(process: process, time: time, path: path, buildID: buildID))
    }

    /// A shell, and a child of it that has not executed anything.
    private func shell() -> Script {
        var script = Script()
        script.exec(image(100, execs: 1), filename: "/bin/sh")
        script.fork(image(101), from: image(100, execs: 1))
        return script
    }

    @Test("what was mapped before an exec is the old program's, what comes behind its beginning the new one's")
    func exec() {
        var script = shell()
        let before = script.events.count
        let now = script.now
        script.map([
            mapping(101, "/lib/old.so", at: now + 1), .executes(process: 101, time: now + 2),
            mapping(101, "/bin/cat", at: now + 3), mapping(101, "/lib/ld.so", at: now + 4),
        ])
        script.read()
        // The exec is not told yet: what belongs to it waits.
        #expect(told(script, since: before) == ["/bin/sh maps /lib/old.so"])
        script.exec(image(101, execs: 1), parent: image(100, execs: 1), filename: "/bin/cat")
        script.map([mapping(101, "/lib/libc.so", at: script.now)])
        script.read()
        #expect(
            told(script, since: before) == [
                "/bin/sh maps /lib/old.so", "exec /bin/cat", "/bin/cat maps /bin/cat", "/bin/cat maps /lib/ld.so",
                "/bin/cat maps /lib/libc.so",
            ])
        #expect(script.events.last?.bootTime == script.now && script.events.last?.parent?.binary == "/bin/sh")
        guard case .loader(let file)? = script.events.last?.kind else { return #expect(Bool(false)) }
        #expect(file.buildID == [1])
    }

    @Test("of two execs in a row each has its own, and the process's end comes last")
    func end() {
        var script = shell()
        let before = script.events.count
        let now = script.now
        // The ring tells of all of it later.
        script.map([
            .executes(process: 101, time: now + 1), mapping(101, "/bin/env", at: now + 2),
            .executes(process: 101, time: now + 1500), mapping(101, "/bin/cat", at: now + 1600),
            mapping(101, "/lib/libc.so", at: now + 2100),
        ])
        script.exec(image(101, execs: 1), filename: "/bin/env")
        script.exec(image(101, execs: 2), filename: "/bin/cat")
        script.exit(image(101, execs: 2))
        #expect(
            told(script, since: before) == [
                "exec /bin/env", "/bin/env maps /bin/env", "exec /bin/cat", "/bin/cat maps /bin/cat",
                "/bin/cat maps /lib/libc.so", "exit /bin/cat",
            ])
        #expect(script.tracker.counters.unknownLoads == 0)
    }

    @Test("a process that the ring tells of later is waited for, and one of which it never tells is counted")
    func unknown() {
        var script = Script()
        script.map([mapping(102, "/lib/x.so", at: script.now), mapping(0, "/lib/y.so", at: script.now)], end: 500)
        script.read(to: 499)
        #expect(script.tracker.counters.unknownLoads == 0)
        script.fork(image(102), from: Script.init1)
        script.read(to: 500)
        #expect(told(script) == ["/sbin/init maps /lib/x.so"])
        #expect(script.tracker.counters.unknownLoads == 1)
        // It had its pid from another.
        script.map([mapping(102, "/lib/z.so", at: 5)])
        script.read()
        #expect(script.events.count == 1 && script.tracker.counters.unknownLoads == 2)
    }

    @Test("an exec whose record was lost is not waited for without end")
    func lostExec() {
        var script = shell()
        let before = script.events.count
        script.map([.executes(process: 101, time: script.now), mapping(101, "/bin/cat", at: script.now)])
        script.read()
        script.wait(seconds: 1)
        script.read()
        #expect(script.events.count == before)
        script.wait(seconds: 1)
        script.read()
        #expect(told(script, since: before) == ["/bin/sh maps /bin/cat"])
    }

    @Test("a file is told once for each program that a process runs")
    func once() {
        var script = shell()
        let before = script.events.count
        for _ in 0..<3 {
            script.map([mapping(101, "/lib/x.so", at: script.now), mapping(100, "/lib/x.so", at: script.now)])
            script.read()
        }
        #expect(told(script, since: before) == ["/bin/sh maps /lib/x.so", "/bin/sh maps /lib/x.so"])
        script.exec(image(101, execs: 1), filename: "/bin/cat")
        script.map([mapping(101, "/lib/x.so", at: script.now)])
        script.read()
        #expect(told(script).last == "/bin/cat maps /lib/x.so")
    }

    @Test("another file at the path of one that was mapped is told, too")
    func replaced() {
        var script = shell()
        let before = script.events.count
        for buildID: [UInt8] in [[1], [2], [], [2]] {
            script.map([mapping(101, "/lib/x.so", at: script.now, buildID: buildID)])
            script.read()
        }
        let told = script.events[before...].map { event -> [UInt8] in
            if case .loader(let file) = event.kind { file.buildID } else { [] }
        }
        #expect(told == [[1], [2], []])
    }

    @Test("what happens before a container is known waits with the rest, and is none of the ring's records")
    func container() throws {
        var script = Script()
        script.exec(image(100, execs: 1), filename: "/usr/bin/runc")
        script.cgroup(REC_CGROUP_CREATED, 7, name: "c", by: image(100, execs: 1))
        script.fork(image(101), from: image(100, execs: 1), cgroup: 7)
        script.exec(image(101, execs: 1), parent: image(100, execs: 1), filename: "/bin/x", cgroup: 7)
        let before = script.events.count
        script.map([mapping(101, "/lib/x.so", at: script.now)])
        script.read()
        #expect(script.events.count == before && script.tracker.heldEvents == 1)
        try script.register(String(repeating: "ab", count: 32), cgroup: 7)
        #expect(told(script, since: before) == ["exec /bin/x", "/bin/x maps /lib/x.so"])
        #expect(script.events.last?.process.container != nil && script.tracker.heldEvents == 0)
    }

    @Test("what waits is bounded, and what finds no room is counted")
    func bounds() {
        var script = Script()
        let records = (0..<PendingLoads.most + 10).map {
            mapping(UInt32($0 % 7 + 200), "/x", at: 10_000_000_000 + UInt64($0))
        }
        script.map(records, end: .max)
        #expect(script.tracker.counters.crowdedLoads == 10)
        script.stop()
        #expect(script.tracker.counters.unknownLoads == UInt64(PendingLoads.most))
        // Of what is forgotten something may be said again.
        var recent = RecentLoads()
        let isNew = (0..<20_000).map { recent.insert($0) }
        let (last, first) = (recent.insert(19_999), recent.insert(0))
        #expect(isNew.allSatisfy(\.self) && !last && first)
    }
}
