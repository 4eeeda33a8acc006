// SPDX-License-Identifier: Apache-2.0

/// What GetHealth says of an agent that is ready.
package struct HealthReport: Sendable, Equatable {
    package enum Status: Sendable {
        case running
        case stopped
        case error
    }

    package var status: Status
    /// For people: "running", or what is wrong.
    package var details: String

    package init(_ status: Status, details: String) {
        self.status = status
        self.details = details
    }
}
