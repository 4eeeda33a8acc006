// SPDX-License-Identifier: Apache-2.0

/// Columns under a header, each as wide as its widest cell; the last one has no end. Cells come ready for the terminal.
struct TextTable {
    var titles: [String]
    var rows: [[String]]
    /// Columns of numbers, which stand at the right.
    var numeric: Set<Int> = []

    /// What stands where there is nothing.
    static let nothing = "-"

    static func cell(_ text: String) -> String {
        text.isEmpty ? nothing : text.terminalWord
    }

    /// The header, then the rows; `paint` colours a padded cell by its row and column.
    func lines(_ palette: Palette, paint: (Int, Int, String) -> String = { $2 }) -> [String] {
        let widths = titles.indices.map { column in
            rows.reduce(titles[column].count) { max($0, $1[column].count) }
        }
        func line(_ cells: [String], paint: (Int, String) -> String) -> String {
            cells.indices.map { column in
                let isLast = column == cells.count - 1
                let room = widths[column] - cells[column].count
                let space = String(repeating: " ", count: max(0, room))
                let cell = paint(column, cells[column])
                if numeric.contains(column) { return space + cell }
                return isLast ? cell : cell + space
            }.joined(separator: "  ")
        }
        return [palette.paint(line(titles) { $1 }, .bold)]
            + rows.enumerated().map { index, cells in line(cells) { paint(index, $0, $1) } }
    }

    func text(_ palette: Palette, paint: (Int, Int, String) -> String = { $2 }) -> String {
        lines(palette, paint: paint).map { $0 + "\n" }.joined()
    }
}
