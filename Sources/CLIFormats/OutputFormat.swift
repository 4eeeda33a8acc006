// SPDX-License-Identifier: Apache-2.0

/// How events are written.
package enum OutputFormat: String, CaseIterable, Sendable {
    /// Protobuf JSON, one event a line: for programs.
    case json
    /// One line an event, the way that users of such agents know.
    case compact
    /// Aligned columns under a header.
    case table
}
