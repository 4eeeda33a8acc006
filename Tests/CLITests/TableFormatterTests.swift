// SPDX-License-Identifier: Apache-2.0

import CLICore
import Testing
import TetragonAPI

@Suite struct TableFormatterTests {
    @Test func columnsAlign() {
        var table = TableFormatter(OutputStyle())
        let text = [
            Samples.exec(Samples.process("/usr/bin/ls", "-l"), parentPID: 17),
            Samples.exit(Samples.podProcess("/bin/sh", inInitTree: false), signal: "SIGKILL"),
            Samples.exec(Samples.containerProcess("/init")),
        ].map { table.format($0) }.joined()
        let expected = """
            TIME         EVENT NAMESPACE POD          CONTAINER    PID     PPID    ORIGIN       EXIT    COMMAND
            12:34:56.000 exec  -         -            -            4711    17      host         -       /usr/bin/ls -l
            12:34:56.000 exit  shop      web-1        nginx        4711    -       injected     SIGKILL /bin/sh
            12:34:56.000 exec  -         -            0123456789ab 4711    -       tree         -       /init

            """
        #expect(text == expected)
    }

    @Test("an event that stands for several says how many")
    func aggregated() {
        var table = TableFormatter(OutputStyle())
        var event = Samples.exec(Samples.process("/usr/bin/ls", "-l"))
        event.aggregationInfo.count = 12
        #expect(table.format(event).contains("\n12:34:56.000 exec×12 -         -  "))
        #expect(table.format(Samples.exec(Samples.process("/a"))).hasPrefix("12:34:56.000 exec    -         -  "))
    }

    @Test func originIsToldWhereTheAgentKnowsIt() {
        var table = TableFormatter(OutputStyle())
        var process = Samples.podProcess("/bin/sh", inInitTree: false)
        process.execOrigin.kind = .originRuntimeExecTty
        #expect(table.format(Samples.exec(process)).contains(" runtime_exec_tty - "))
        process.execOrigin.kind = .originUnknown
        process.execOrigin.command = "readiness"
        #expect(table.format(Samples.exec(process)).contains(" unknown(readiness?) - "))
        #expect(!table.format(Samples.exec(Samples.process("/a"))).contains("readiness"))
    }

    @Test func aLongNameMovesTheLinesAfterIt() {
        var table = TableFormatter(OutputStyle())
        _ = table.format(Samples.exec(Samples.process("/a")))
        var process = Samples.podProcess("/a")
        process.pod.namespace = "a-rather-long-namespace"
        #expect(table.format(Samples.exec(process)).contains(" a-rather-long-namespace web-1 "))
        #expect(table.format(Samples.exec(Samples.process("/a"))).contains(" -                       - "))
    }

    @Test func commandsEndWhereTheLineEnds() {
        var table = TableFormatter(OutputStyle(lineWidth: 114))
        let long = Samples.exec(Samples.process("/usr/bin/ls", String(repeating: "x", count: 100)))
        let lines = table.format(long).split(separator: "\n")
        #expect(lines.last?.count == 114)
        #expect(lines.last?.hasSuffix("xx…") == true)
    }

    @Test func timestampsAreWhole() {
        var table = TableFormatter(OutputStyle(showsTimestamps: true))
        #expect(table.format(Samples.exec(Samples.process("/a"))).contains("\n2024-02-29T12:34:56.000000789Z exec "))
    }

    @Test func colorsDoNotMoveColumns() {
        let event = Samples.exit(Samples.podProcess("/bin/sh", "-c x", inInitTree: false), status: 2)
        var plain = TableFormatter(OutputStyle())
        var colored = TableFormatter(OutputStyle(isColored: true))
        let text = colored.format(event)
        #expect(text.contains("\u{1b}[1;33minjected\u{1b}[0m     \u{1b}[31m2\u{1b}[0m  "))
        #expect(text.contains("\u{1b}[35m/bin/sh\u{1b}[0m"))
        #expect(text.replacing(/\u{1b}\[[0-9;]*m/, with: "") == plain.format(event))
    }

    @Test func hostileNamesStayInTheirCells() {
        var process = Samples.podProcess("/bin/\u{1b}[2J", "a\nb")
        process.pod.name = "two words"
        var table = TableFormatter(OutputStyle())
        let text = table.format(Samples.exec(process))
        #expect(text.contains(" \"two words\"  nginx "))
        #expect(text.hasSuffix(" /bin/\\u{1b}[2J a\\nb\n"))
    }
}
