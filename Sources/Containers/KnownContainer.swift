// SPDX-License-Identifier: Apache-2.0
package import Models

/// What the agent knows of a container at one moment, for those who ask.
package struct KnownContainer: Sendable {
    package let identity: ContainerIdentity
    package let source: Container.Source
    package let cgroup: UInt64
    /// Below the hierarchy's root; empty where it is not known.
    package let cgroupPath: String
    package let initProcess: UInt32?
    /// Whether its own first program has run.
    package let hasStarted: Bool
    package let pod: Pod?
    package let podContainer: PodContainer?
}

extension ContainerRegistry {
    /// Every container, in the order of their directories' making.
    package var known: [KnownContainer] {
        containers.values.sorted { $0.cgroup < $1.cgroup }.map {
            KnownContainer(
                identity: $0.identity, source: $0.source, cgroup: $0.cgroup, cgroupPath: $0.cgroupPath,
                initProcess: $0.initProcess, hasStarted: hasStarted($0), pod: $0.pod, podContainer: $0.podContainer)
        }
    }
}
