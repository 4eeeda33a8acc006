// SPDX-License-Identifier: Apache-2.0

import CLICore
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

@Suite struct TopModelTests {
    private func container(_ id: String, inInitTree: Bool = true) -> Tetragon_Process {
        var process = Samples.podProcess("/bin/sh", inInitTree: inInitTree)
        process.container.id = id
        process.pod.container.name = "c-\(id)"
        return process
    }

    @Test("containers are sorted by what they ran in the interval, then by what they ran at all")
    func order() {
        var model = TopModel()
        for _ in 0..<3 { model.add(Samples.exec(container("a"))) }
        model.add(Samples.exec(container("b")))
        #expect(model.endInterval(after: .seconds(1)).rows.map(\.id) == ["a", "b"])
        for _ in 0..<2 { model.add(Samples.exec(container("b"))) }
        let second = model.endInterval(after: .seconds(1))
        #expect(second.rows.map(\.id) == ["b", "a"])
        #expect(second.rows.map(\.last.execs) == [2, 0])
        #expect(second.rows.map(\.total.execs) == [3, 3])
        #expect(model.endInterval(after: .seconds(1)).rows.map(\.last.execs) == [0, 0])
    }

    @Test("execs, exits and injected execs are counted apart, and the host is a row of its own")
    func counts() {
        var model = TopModel()
        model.add(Samples.exec(container("a")))
        model.add(Samples.exec(container("a", inInitTree: false)))
        model.add(Samples.exit(container("a", inInitTree: false)))
        var setUp = container("a", inInitTree: false)
        setUp.phase = .phaseSetup
        model.add(Samples.exec(setUp))
        model.add(Samples.exec(Samples.process("/bin/ls")))
        let rows = model.endInterval(after: .seconds(1)).rows
        #expect(rows.map(\.container) == ["c-a", "(host)"])
        #expect(rows.map(\.total.execs) == [3, 1])
        #expect(rows.map(\.total.exits) == [1, 0])
        #expect(rows.map(\.total.injected) == [1, 0])
    }

    @Test("what the stream says was lost is kept until the end")
    func losses() {
        var model = TopModel()
        #expect(model.endInterval(after: .seconds(1)).losses.isEmpty)
        model.add(Samples.event(.rateLimitInfo(.with { $0.numberOfDroppedProcessEvents = 5 })))
        model.add(Samples.event(.processThrottle(.with { $0.type = .throttleStart })))
        model.add(Samples.event(.processThrottle(.with { $0.type = .throttleStop })))
        var unseen = Samples.process("/bin/a")
        unseen.flags = "unknown procFS"
        model.add(Samples.exit(unseen))
        model.addGap()
        _ = model.endInterval(after: .seconds(1))
        let snapshot = model.endInterval(after: .seconds(1))
        let losses = snapshot.losses
        #expect([losses.heldBack, losses.throttles, losses.unseenExecs, losses.gaps] == [5, 1, 1, 1])
        let line = snapshot.lines(isColored: false)[2]
        #expect(line.hasPrefix("losses  5 events held back by a rate limit, 1 times") && line.contains("1 gaps"))
    }

    @Test("beyond its capacity the quietest are one row, and no exec goes missing")
    func capacity() {
        var model = TopModel(capacity: 2)
        for id in ["a", "b", "a", "c", "d"] { model.add(Samples.exec(container(id))) }
        let rows = model.endInterval(after: .seconds(1)).rows
        #expect(Set(rows.map(\.container)) == ["c-c", "c-d", "(others)"])
        #expect(rows.map(\.total.execs).reduce(0, +) == 5)
        #expect(rows.first?.container == "(others)" && rows.first?.last.execs == 3)
    }

    @Test("a table has a summary, what the agent says, losses, and a line a container")
    func table() {
        var model = TopModel()
        for _ in 0..<3 { model.add(Samples.exec(container("0123456789abcdef", inInitTree: false))) }
        model.add(Samples.exec(Samples.process("/bin/ls")))
        var snapshot = model.endInterval(after: .milliseconds(2000))
        snapshot.agent = "running\u{1b}[2J"
        let expected = """
            events  2.0 execs/s, 1.5 of them injected, 0.0 exits/s; 1 container on node-7
            agent   running\\u{1b}[2J
            losses  none in the stream

            NAMESPACE  POD    CONTAINER           ID            EXEC/S  EXIT/S  EXECS  EXITS  INJECTED
            shop       web-1  c-0123456789abcdef  0123456789ab     1.5     0.0      3      0         3
            -          -      (host)              -                0.5     0.0      1      0         0
            """
        #expect(snapshot.lines(isColored: false).joined(separator: "\n") == expected)
    }

    @Test("no more lines than the terminal has, none longer than it is wide, and the rest is summed up")
    func bounds() {
        var model = TopModel()
        for id in 0..<50 { model.add(Samples.exec(container("id-\(id)"))) }
        let snapshot = model.endInterval(after: .seconds(1))
        for height in [1, 5, 8, 24, 200] {
            let lines = snapshot.lines(isColored: false, height: height, width: 40)
            #expect(lines.count < max(height, 7), "\(height)")
            #expect(lines.allSatisfy { $0.count <= 40 })
        }
        #expect(snapshot.lines(isColored: false, height: 12).last == "and 45 more, 45.0 execs/s together")
    }

    @Test("JSON is an object for an interval, whatever names are")
    func json() throws {
        var model = TopModel()
        var hostile = container("a\"\u{1b}")
        hostile.pod.name = "we\nb"
        model.add(Samples.exec(hostile))
        let line = try model.endInterval(after: .milliseconds(500)).json(time: "now")
        #expect(line.hasSuffix("}\n") && !line.dropLast().contains { $0.isNewline || $0 == "\u{1b}" })
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let row = try #require((object["containers"] as? [[String: Any]])?.first)
        #expect(row["pod"] as? String == "we\nb" && row["id"] as? String == "a\"\u{1b}")
        #expect(row["exec_rate"] as? Double == 2.0 && row["execs"] as? Int == 1)
        #expect((object["losses"] as? [String: Int])?["gaps"] == 0 && object["interval_ms"] as? Int == 500)
    }
}
