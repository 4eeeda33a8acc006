// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// How containers stand at the end of an interval.
package struct TopSnapshot: Sendable {
    package var node: String
    /// How long the interval was.
    package var length: Duration
    /// The busiest first.
    package var rows: [TopModel.Row]
    package var losses: TopModel.Losses
    /// What the agent says of itself and of what it lost, or why it does not; empty when nobody asked it.
    package var agent = ""

    /// For people: two lines of summary and a line a container, no more lines than there is room for.
    package func lines(isColored: Bool, height: Int? = nil, width: Int? = nil) -> [String] {
        let palette = Palette(isColored: isColored)
        var head = [summary(palette), "agent   " + (agent.isEmpty ? "did not say how it is" : agent.terminalSafe)]
        head.append("losses  " + (losses.isEmpty ? losses.text : palette.paint(losses.text, .red)))
        // A line of the terminal stays free: writing into its last corner would scroll.
        let room = height.map { max(1, $0 - head.count - 3) } ?? rows.count
        let shown = rows.prefix(rows.count > room ? room - 1 : room)
        let table = TextTable(titles: Self.titles, rows: shown.map(cells), numeric: [4, 5, 6, 7, 8]).lines(palette) {
            row, column, cell in
            column == 8 && shown[row].total.injected > 0 ? palette.paint(cell, .yellow) : cell
        }
        var lines = head + [""] + table
        let rest = rows.dropFirst(shown.count)
        if !rest.isEmpty {
            let execs = rest.reduce(0) { $0 &+ $1.last.execs }
            lines.append("and \(rest.count) more, \(rate(execs)) execs/s together")
        }
        guard let width else { return lines }
        return lines.map { $0.cut(toColumns: width) }
    }

    /// For programs: one object on one line.
    package func json(time: String) throws -> String {
        let containers = try rows.map { row in
            let names = [
                ("namespace", row.namespace), ("pod", row.pod), ("container", row.container), ("id", row.id),
            ]
            let words = try names.map { "\"\($0)\":\(try Self.quoted($1))" }
            let figures = [
                "\"exec_rate\":\(rate(row.last.execs))", "\"exit_rate\":\(rate(row.last.exits))",
                "\"execs\":\(row.total.execs)", "\"exits\":\(row.total.exits)", "\"injected\":\(row.total.injected)",
            ]
            return "{\((words + figures).joined(separator: ","))}"
        }
        let lost = [
            "\"missing\":\(losses.missing)", "\"held_back\":\(losses.heldBack)", "\"throttles\":\(losses.throttles)",
            "\"unseen_execs\":\(losses.unseenExecs)", "\"gaps\":\(losses.gaps)",
        ]
        return """
            {"time":"\(time)","node":\(try Self.quoted(node)),"interval_ms":\(length.milliseconds),\
            "containers":[\(containers.joined(separator: ","))],"losses":{\(lost.joined(separator: ","))},\
            "agent":\(try Self.quoted(agent))}

            """
    }

    private static let titles = [
        "NAMESPACE", "POD", "CONTAINER", "ID", "EXEC/S", "EXIT/S", "EXECS", "EXITS", "INJECTED",
    ]
    private static let shortIDLength = 12

    private func cells(of row: TopModel.Row) -> [String] {
        [
            TextTable.cell(row.namespace), TextTable.cell(row.pod), TextTable.cell(row.container),
            TextTable.cell(String(row.id.prefix(Self.shortIDLength))), rate(row.last.execs), rate(row.last.exits),
            String(row.total.execs), String(row.total.exits), String(row.total.injected),
        ]
    }

    private func summary(_ palette: Palette) -> String {
        let last = rows.reduce(into: TopModel.Counts()) { $0 += $1.last }
        let containers = rows.count { !$0.id.isEmpty }
        let place = node.isEmpty ? "" : " on " + palette.paint(node.terminalWord, .green)
        return "events  \(rate(last.execs)) execs/s, \(rate(last.injected)) of them injected, "
            + "\(rate(last.exits)) exits/s; \(containers) \(containers == 1 ? "container" : "containers")\(place)"
    }

    /// So many in the interval as a number a second, with one digit after the point.
    private func rate(_ count: UInt64) -> String {
        let tenths = Int(min((Double(count) * 10_000 / Double(max(1, length.milliseconds))).rounded(), 1e15))
        return "\(tenths / 10).\(tenths % 10)"
    }

    private static func quoted(_ text: String) throws -> String {
        String(try JSONFormatter.line(Google_Protobuf_StringValue(text)).dropLast())
    }
}

extension TopModel.Losses {
    fileprivate var text: String {
        let parts = [
            (missing, "events lost"), (heldBack, "events held back by a rate limit"),
            (throttles, "times a cgroup was throttled"),
            (unseenExecs, "processes ended whose exec was not seen"), (gaps, "gaps in the stream"),
        ].filter { $0.0 > 0 }
        return parts.isEmpty ? "none in the stream" : parts.map { "\($0) \($1)" }.joined(separator: ", ")
    }
}
