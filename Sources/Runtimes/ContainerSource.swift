// SPDX-License-Identifier: Apache-2.0
package import Models

/// A runtime's own records of its containers: what the agent learns of those that no hook told of.
package protocol ContainerSource: Sendable {
    /// "cri", "podman", "runc" or "crun".
    var name: String { get }

    /// Every container that has a process now, running or just created. What is half-written, malformed or stale is left out.
    func containers() async throws(SourceError) -> [ReportedContainer]

    /// One container by its full id, for less than all of them cost. Nil if the source does not know it, or if it has
    /// ended; one that is only created may come without a process.
    func container(_ id: ContainerID) async throws(SourceError) -> ReportedContainer?
}

/// Why a source could tell nothing at all. A single bad record is no error.
package struct SourceError: Error, Equatable, CustomStringConvertible {
    /// What was attempted, on what, why it failed, and what to do.
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// As many containers as a source tells of. A node has some hundreds at most.
let maximumContainers = 16_384
