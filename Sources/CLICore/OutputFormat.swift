// SPDX-License-Identifier: Apache-2.0

package import TetragonAPI

/// How events are written.
package enum OutputFormat: String, CaseIterable, Sendable {
    /// Protobuf JSON, one event a line: for programs.
    case json
    /// One line an event, the way that users of such agents know.
    case compact
    /// Aligned columns under a header.
    case table
}

/// What a reader likes to see, beside the format.
package struct OutputStyle: Sendable {
    /// Colours, by terminal sequences.
    package var isColored: Bool
    /// The time of each event to the nanosecond, where the format does not have it anyway.
    package var showsTimestamps: Bool
    /// How many characters fit on a line; nil when lines may be of any length.
    package var lineWidth: Int?

    package init(isColored: Bool = false, showsTimestamps: Bool = false, lineWidth: Int? = nil) {
        self.isColored = isColored
        self.showsTimestamps = showsTimestamps
        self.lineWidth = lineWidth
    }
}

/// Writes events as text.
package protocol EventFormatter: Sendable {
    /// The event's line or lines, each with its newline. What comes from processes is made harmless for terminals.
    mutating func format(_ event: Tetragon_GetEventsResponse) throws -> String
}

extension OutputFormat {
    package func formatter(_ style: OutputStyle) -> any EventFormatter {
        switch self {
        case .json: JSONFormatter()
        case .compact: CompactFormatter(style)
        case .table: TableFormatter(style)
        }
    }
}
