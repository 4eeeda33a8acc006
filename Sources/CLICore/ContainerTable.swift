// SPDX-License-Identifier: Apache-2.0

package import TetragonAPI

/// Containers for people: a line each, by namespace, pod and name.
package struct ContainerTable: Sendable {
    private static let titles = ["NAMESPACE", "POD", "CONTAINER", "ID", "RUNTIME", "SOURCE", "INIT", "IMAGE"]
    private static let shortIDLength = 12

    private let rows: [[String]]

    package init(_ containers: [Apus_V1_KnownContainer]) {
        rows = containers.map { known in
            [
                known.pod.namespace, known.pod.name, known.container.name,
                String(known.container.id.prefix(Self.shortIDLength)), known.container.runtime, known.identity.source,
                known.initPid == 0 ? "" : String(known.initPid), known.container.image,
            ].map(TextTable.cell)
        }.sorted { $0.lexicographicallyPrecedes($1) }
    }

    package func text(isColored: Bool) -> String {
        TextTable(titles: Self.titles, rows: rows).text(Palette(isColored: isColored))
    }
}
