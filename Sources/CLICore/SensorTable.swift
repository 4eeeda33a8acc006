// SPDX-License-Identifier: Apache-2.0

package import TetragonAPI

/// Sensors for people, a line each.
package struct SensorTable: Sendable {
    private let sensors: [Tetragon_SensorStatus]

    package init(_ sensors: [Tetragon_SensorStatus]) {
        self.sensors = sensors.sorted { ($0.collection, $0.name) < ($1.collection, $1.name) }
    }

    package func text(isColored: Bool) -> String {
        let palette = Palette(isColored: isColored)
        let rows = sensors.map { sensor in
            [TextTable.cell(sensor.name), sensor.enabled ? "enabled" : "disabled", TextTable.cell(sensor.collection)]
        }
        return TextTable(titles: ["NAME", "STATE", "COLLECTION"], rows: rows).text(palette) { row, column, cell in
            column == 1 ? palette.paint(cell, sensors[row].enabled ? .green : .yellow) : cell
        }
    }
}
