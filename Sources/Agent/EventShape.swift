// SPDX-License-Identifier: Apache-2.0
import AgentCore
import Events
import Processes

/// What the operator wants of events, compiled.
struct EventShape: Sendable {
    /// Which events, and which fields of them, are exported.
    let exported: EventFilter
    let exportedFields: FieldFilters
    /// What nobody sees.
    let redaction: Redaction?

    init(_ options: AgentOptions) throws(FilterError) {
        exported = try EventFilter(
            allow: options.exportAllowlist, of: "--export-allowlist", deny: options.exportDenylist,
            of: "--export-denylist")
        exportedFields = try FieldFilters(options.fieldFilters, of: "--field-filters")
        redaction = try Redaction(options.redactionFilters, of: "--redaction-filters")
    }
}
