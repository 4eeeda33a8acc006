// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf
package import TetragonAPI

/// The agent's table of processes, every one below the one that made it.
package struct ProcessTree: Sendable {
    private struct Entry {
        var process: Tetragon_Process
        var references: UInt32
        /// What draws its place in the tree.
        var stem: String
    }

    private let entries: [Entry]

    /// Takes the table as it came; who refers to nobody there, or only to each other, stands at the left.
    package init(_ processes: [Tetragon_ProcessInternal]) {
        let processes = processes.sorted {
            ($0.process.pid.value, $0.process.execID) < ($1.process.pid.value, $1.process.execID)
        }
        var byID: [String: Int] = [:]
        for (index, entry) in processes.enumerated() where byID[entry.process.execID] == nil {
            byID[entry.process.execID] = index
        }
        let parents = processes.indices.map { index in
            byID[processes[index].process.parentExecID].flatMap { $0 == index ? nil : $0 }
        }
        var children: [Int: [Int]] = [:]
        for (index, parent) in parents.enumerated() {
            if let parent { children[parent, default: []].append(index) }
        }

        var entries: [Entry] = []
        var isPlaced = Array(repeating: false, count: processes.count)
        // No recursion: the table may be a chain of any length, or a ring.
        func place(_ root: Int) {
            var waiting = [(index: root, stem: "", margin: "")]
            while let (index, stem, margin) = waiting.popLast() {
                if isPlaced[index] { continue }
                isPlaced[index] = true
                let entry = processes[index]
                entries.append(Entry(process: entry.process, references: entry.refcnt.value, stem: stem))
                let below = (children[index] ?? []).filter { !isPlaced[$0] }
                let isDeep = margin.count >= Self.deepestMargin
                for (place, child) in below.enumerated().reversed() {
                    let isLast = place == below.count - 1
                    waiting.append(
                        (
                            child, margin + (isLast ? "└─ " : "├─ "),
                            isDeep ? margin : margin + (isLast ? "   " : "│  ")
                        ))
                }
            }
        }
        for index in processes.indices where parents[index] == nil { place(index) }
        for index in processes.indices { place(index) }
        self.entries = entries
    }

    /// From here on a tree grows no further to the right.
    private static let deepestMargin = 60

    package func text(isColored: Bool, width: Int? = nil) -> String {
        let palette = Palette(isColored: isColored)
        let rows = entries.map { entry in
            let origin = Origin(of: entry.process, node: "")
            return [
                String(entry.process.pid.value), String(entry.process.uid.value), String(entry.references),
                origin.way.isEmpty ? origin.tree.rawValue : origin.way,
                origin.path.isEmpty || origin.tree == .host ? TextTable.nothing : origin.path,
                entry.stem + entry.process.commandLine,
            ]
        }
        let table = TextTable(
            titles: ["PID", "UID", "REFS", "ORIGIN", "CONTAINER", "COMMAND"], rows: rows, numeric: [0, 1, 2])
        let lines = table.lines(palette) { row, column, cell in
            switch column {
            case 3 where Origin(of: entries[row].process, node: "").tree == .injected: palette.paint(cell, .yellow)
            case 4: palette.paint(cell, .green)
            default: cell
            }
        }
        return lines.map { (width.map($0.cut(toColumns:)) ?? $0) + "\n" }.joined()
    }
}

extension Tetragon_Process {
    fileprivate var commandLine: String {
        arguments.isEmpty ? binary.terminalWord : binary.terminalWord + " " + arguments.terminalSafe
    }
}
