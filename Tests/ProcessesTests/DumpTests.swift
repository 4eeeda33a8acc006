// SPDX-License-Identifier: Apache-2.0
import CRecords
import Containers
import Models
import Processes
import Testing

/// The table of processes as it is told, and the marker of the test sensor.
@Suite struct DumpTests {
    private var script = Script()

    @Test("who is in the table is told, with the image that it came from where that is over")
    mutating func page() {
        script.fork(image(5), from: Script.init1)
        script.exec(image(5, execs: 1), filename: "/bin/sh")
        script.fork(image(6), from: image(5, execs: 1))
        script.exec(image(6, execs: 1), filename: "/bin/sleep")
        #expect(script.tracker.pids.sorted() == [0, 1, 5, 6])
        let alive = script.tracker.page(of: [5, 6, 77])
        #expect(alive.covered == 3)
        #expect(alive.processes.map(\.pid) == [5, 6] && alive.processes.allSatisfy { !$0.isOver })
        #expect(alive.processes.map(\.references) == [2, 1])
        #expect(Set(alive.processes.map(\.execID)) == Set(script.events.map(\.process.execID)))
        #expect(alive.processes.map(\.message) == script.events.map(\.process.protobuf))

        script.exit(image(5, execs: 1))
        let page = script.tracker.page(of: script.tracker.pids.filter { $0 > 1 }[...])
        #expect(page.processes.map(\.pid) == [6, 5])
        #expect(page.processes.map(\.isOver) == [false, true])
        #expect(page.processes.map(\.references) == [1, 1])
    }

    @Test("what took references is told, and what gave them back")
    mutating func operations() {
        script.exec(image(5, execs: 1), filename: "/bin/sh")
        for pid: UInt32 in 6...8 { script.fork(image(pid), from: image(5, execs: 1)) }
        script.exit(image(6))
        func operations(_ pid: UInt32) -> [String]? {
            script.tracker.page(of: script.tracker.pids[...]).processes.first { $0.pid == pid }?.referenceOperations
                .map { "\($0.name) \($0.count)" }
        }
        #expect(operations(5) == ["process++ 1", "parent++ 3", "parent-- 1"])
        #expect(operations(7) == ["process++ 1"])
        script.exit(image(5, execs: 1))
        #expect(operations(5) == ["process++ 1", "process-- 1", "parent++ 3", "parent-- 1"])
        script.exit(image(7))
        #expect(operations(5) == ["process++ 1", "process-- 1", "parent++ 3", "parent-- 2"])
    }

    @Test("a page is bounded in processes and in bytes, and covers at least one")
    mutating func bounds() {
        for pid: UInt32 in 2...601 { script.fork(image(pid), from: Script.init1) }
        let pids = script.tracker.pids.sorted()[2...]
        let first = script.tracker.page(of: pids)
        #expect(first.covered == 256 && first.processes.count == 256)
        let rest = script.tracker.page(of: pids.dropFirst(512))
        #expect(rest.covered == 88 && rest.processes.last?.pid == 601)
        let long = String(repeating: "x", count: 4000)
        for pid: UInt32 in 2...101 { script.exec(image(pid, execs: 1), filename: "/bin/sh", arguments: ["sh", long]) }
        let large = script.tracker.page(of: pids)
        #expect((60..<70).contains(large.covered))
        #expect(script.tracker.page(of: []).covered == 0)
    }

    @Test("the marker is the first argument, and up to four numbers follow")
    func marker() {
        #expect(TestMarker(arguments: "apus-test") == TestMarker(numbers: [0, 0, 0, 0]))
        #expect(TestMarker(arguments: "apus-test 1 2") == TestMarker(numbers: [1, 2, 0, 0]))
        let most = "apus-test 1 2 3 18446744073709551615"
        #expect(TestMarker(arguments: most) == TestMarker(numbers: [1, 2, 3, .max]))
        for other in [
            "", "x apus-test", "apus-tests", "apus-test x", "apus-test 1 2 3 4 5", "apus-test -1",
            "apus-test 18446744073709551616", "apus-test " + String(repeating: "0", count: 200),
        ] {
            #expect(TestMarker(arguments: other) == nil)
        }
    }
}
