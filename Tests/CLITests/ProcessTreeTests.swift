// SPDX-License-Identifier: Apache-2.0

import CLICore
import SwiftProtobuf
import Testing
import TetragonAPI

@Suite struct ProcessTreeTests {
    private func process(_ pid: UInt32, id: String, parent: String = "", binary: String = "")
        -> Tetragon_ProcessInternal
    {
        .with {
            $0.process = Samples.process(binary.isEmpty ? "/bin/\(id)" : binary, pid: pid)
            $0.process.execID = id
            $0.process.parentExecID = parent
            $0.refcnt = 1
        }
    }

    private func commands(_ processes: [Tetragon_ProcessInternal]) -> [String] {
        let lines = ProcessTree(processes).text(isColored: false).split(separator: "\n").dropFirst()
        return lines.map { String($0.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)[5]) }
            .map { String($0.drop { $0 == " " }) }
    }

    @Test("everybody stands below his parent, by pid")
    func tree() {
        let processes = [
            process(30, id: "d", parent: "b"), process(1, id: "a"), process(20, id: "c", parent: "a"),
            process(10, id: "b", parent: "a"), process(31, id: "e", parent: "b"), process(40, id: "f", parent: "gone"),
        ]
        #expect(
            commands(processes) == [
                "/bin/a", "├─ /bin/b", "│  ├─ /bin/d", "│  └─ /bin/e", "└─ /bin/c", "/bin/f",
            ])
    }

    @Test("origin and container stand beside it")
    func columns() {
        var injected = process(2, id: "b", parent: "a")
        injected.process = Samples.podProcess("/bin/id", "-u", inInitTree: false)
        injected.process.execID = "b"
        let expected = """
             PID  UID  REFS  ORIGIN    CONTAINER         COMMAND
               1    0     1  host      -                 /bin/a
            4711    0     1  injected  shop/web-1/nginx  /bin/id -u

            """
        #expect(ProcessTree([process(1, id: "a"), injected]).text(isColored: false) == expected)
    }

    @Test("a ring, a process that is its own parent, and one id twice: all are shown, once")
    func oddities() {
        let ring = [
            process(1, id: "a", parent: "c"), process(2, id: "b", parent: "a"), process(3, id: "c", parent: "b"),
        ]
        #expect(commands(ring) == ["/bin/a", "└─ /bin/b", "└─ /bin/c"])
        #expect(commands([process(1, id: "a", parent: "a")]) == ["/bin/a"])
        #expect(commands([process(1, id: "a"), process(2, id: "a")]).count == 2)
        #expect(commands([process(1, id: ""), process(2, id: "")]).count == 2)
        #expect(commands([]).isEmpty)
    }

    @Test("a chain of any length is drawn, and does not leave the screen")
    func chain() {
        let chain = (0..<20_000).map { process(UInt32($0 + 1), id: "p\($0)", parent: $0 == 0 ? "" : "p\($0 - 1)") }
        let text = ProcessTree(chain).text(isColored: false)
        let lines = text.split(separator: "\n")
        #expect(lines.count == 20_001)
        #expect(lines.allSatisfy { $0.count < 140 })
    }

    @Test("hostile names stay text")
    func hostile() {
        #expect(commands([process(1, id: "a", binary: "/tmp/\u{1b}[2J\n")]) == ["\"/tmp/\\u{1b}[2J\\n\""])
    }
}
