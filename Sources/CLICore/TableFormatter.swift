// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf
package import TetragonAPI

/// Aligned columns under a header.
///
/// Events come one at a time, so the widths are a guess that grows with what was seen: a long name moves the lines
/// after it, once. The command stands last, because it alone has no usual length.
package struct TableFormatter: EventFormatter {
    private struct Column {
        var title: String
        var width: Int
        var ink: Palette.Ink?
    }

    private var columns: [Column]
    private var hasHeader = false
    private let palette: Palette
    private let style: OutputStyle

    package init(_ style: OutputStyle) {
        self.style = style
        palette = Palette(isColored: style.isColored)
        columns = [
            Column(title: "TIME", width: style.showsTimestamps ? 30 : 12),
            Column(title: "EVENT", width: 5, ink: .blue),
            Column(title: "NAMESPACE", width: 9, ink: .green),
            Column(title: "POD", width: 12, ink: .green),
            Column(title: "CONTAINER", width: 12, ink: .green),
            Column(title: "PID", width: 7),
            Column(title: "PPID", width: 7),
            Column(title: "ORIGIN", width: 12),
            Column(title: "EXIT", width: 7, ink: .red),
        ]
    }

    package mutating func format(_ event: Tetragon_GetEventsResponse) -> String {
        let cells = cells(of: event)
        let isInjected = Origin(of: event.process, node: event.nodeName).tree == .injected
        for index in columns.indices {
            columns[index].width = max(columns[index].width, cells[index].count)
        }
        var text = ""
        if !hasHeader {
            hasHeader = true
            let titles = columns.map { $0.title.padded(to: $0.width) } + ["COMMAND"]
            text += palette.paint(titles.joined(separator: " "), .bold) + "\n"
        }
        let row = zip(cells, columns).map { cell, column in
            paint(cell, in: column, isInjected) + String(repeating: " ", count: column.width - cell.count)
        }
        return text + (row + [command(of: event)]).joined(separator: " ") + "\n"
    }

    private func paint(_ cell: String, in column: Column, _ isInjected: Bool) -> String {
        if isInjected && column.title == "ORIGIN" { return palette.paint(cell, .yellow) }
        guard let ink = column.ink, cell != Self.nothing else { return cell }
        return palette.paint(cell, ink)
    }

    private func cells(of event: Tetragon_GetEventsResponse) -> [String] {
        let process = event.process
        let origin = Origin(of: process, node: event.nodeName)
        let outcome: String? =
            if case .processExit(let exit) = event.event { exit.outcome } else { nil }
        return [
            style.showsTimestamps ? event.time.nanosecondText : event.time.clockText,
            event.kindName + event.countText,
            Self.cell(origin.namespace),
            Self.cell(origin.pod),
            Self.cell(origin.container),
            process.map { String($0.pid.value) } ?? Self.nothing,
            event.parent.map { String($0.pid.value) } ?? Self.nothing,
            origin.way.isEmpty ? origin.tree.rawValue : origin.way,
            outcome ?? Self.nothing,
        ]
    }

    /// The program and its arguments, cut where the line ends.
    private func command(of event: Tetragon_GetEventsResponse) -> String {
        guard let process = event.process else { return Self.nothing }
        var binary = process.binary.terminalWord
        var arguments = process.arguments.terminalSafe
        if let lineWidth = style.lineWidth {
            let room = max(10, lineWidth - columns.reduce(0) { $0 + $1.width + 1 })
            binary = Self.cut(binary, to: room)
            arguments = binary.count + 2 < room ? Self.cut(arguments, to: room - binary.count - 1) : ""
        }
        return palette.paint(binary, .magenta) + (arguments.isEmpty ? "" : " " + palette.paint(arguments, .cyan))
    }

    private static let nothing = "-"

    private static func cell(_ text: String) -> String {
        text.isEmpty ? nothing : text.terminalWord
    }

    private static func cut(_ text: String, to width: Int) -> String {
        text.count <= width ? text : text.prefix(width - 1) + "…"
    }
}

extension Tetragon_GetEventsResponse {
    /// The kind of event in one short word.
    fileprivate var kindName: String {
        switch event {
        case .processExec: "exec"
        case .processExit: "exit"
        case .processKprobe: "kprobe"
        case .processTracepoint: "tracepoint"
        case .processUprobe: "uprobe"
        case .processUsdt: "usdt"
        case .processLsm: "lsm"
        case .processLoader: "loader"
        case .processThrottle: "throttle"
        case .test: "test"
        case .rateLimitInfo: "limit"
        case .loss: "loss"
        case nil: "?"
        }
    }
}
