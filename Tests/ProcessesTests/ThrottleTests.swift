// SPDX-License-Identifier: Apache-2.0
import CRecords
import Testing

@testable import Processes

@Suite("Cgroups with more events than they may have")
struct ThrottleTests {
    @Test("what is above the rate makes no event, and the table knows it all the same")
    func throttled() throws {
        var script = Script()
        script.fork(image(100), from: Script.init1)
        script.exec(
            image(100, execs: 1), filename: "/bin/sh", arguments: ["sh", "-c"], flags: REC_FLAG_THROTTLED, cgroup: 7,
            argumentsTotal: 20_000)
        let before = script.events.count
        script.fork(image(101), from: image(100, execs: 1), cgroup: 7, flags: REC_FLAG_THROTTLED)
        script.exec(image(101, execs: 1), parent: image(100, execs: 1), filename: "/bin/true", cgroup: 7)
        #expect(script.events.count == before + 1)
        let event = try #require(script.events.last)
        #expect(event.parent?.binary == "/bin/sh" && event.parent?.flags.contains("truncArgs") == true)
        script.exit(image(101, execs: 1), cgroup: 7, flags: REC_FLAG_THROTTLED)
        script.exit(image(102), cgroup: 7, flags: REC_FLAG_THROTTLED)
        #expect(script.events.count == before + 1)
        #expect(script.tracker.counters.throttled == 3 && script.tracker.execs(of: 101) == nil)
        #expect(script.tracker.pendingExecs == 0)
    }

    @Test("it begins once and ends when it has been quiet for five seconds")
    func startAndStop() {
        var throttles = Throttles()
        #expect(throttles.take(at: 5).isEmpty)
        throttles.note(7, of: 100, at: 1_000_000_000)
        throttles.note(7, of: 101, at: 3_000_000_000)
        throttles.note(8, of: 102, at: 1_000_000_000)
        #expect(
            throttles.take(at: 3_000_000_000) == [
                .init(isStart: true, cgroup: 7, pid: 100, time: 1_000_000_000),
                .init(isStart: true, cgroup: 8, pid: 102, time: 1_000_000_000),
            ])
        #expect(
            throttles.take(at: 6_500_000_000) == [.init(isStart: false, cgroup: 8, pid: 0, time: 6_500_000_000)])
        #expect(throttles.take(at: 8_000_000_000).isEmpty)
        #expect(throttles.take(at: 8_000_000_001).map(\.cgroup) == [7])
        throttles.note(7, of: 1, at: 9_000_000_000)
        #expect(throttles.take(at: 9_000_000_000).map(\.isStart) == [true])
    }
}
