// SPDX-License-Identifier: Apache-2.0
package import Policies

/// What a policy asks of the agent itself: GetUrl, DnsLookup.
package struct AgentAction: Sendable, Equatable {
    package let action: Action
    package let policy: String
}
