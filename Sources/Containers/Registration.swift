// SPDX-License-Identifier: Apache-2.0
package import Models

/// A container ready to be entered into the registry.
package struct Registration: Sendable {
    package let identity: ContainerIdentity
    package let cgroup: UInt64
    package let cgroupPath: String
    /// The init's own directory: the container's, or the one below it that the runtime put it into.
    package let initCgroup: UInt64
    package let initPath: String
    /// The process whose next exec starts the container's own tree; host pid.
    package let initProcess: UInt32
    /// When the init was forked, in clock ticks of the boot clock: with its pid it names the process.
    package let initStart: UInt64
    package let namespaces: NamespaceKey?
    /// The cgroups of those who say so from outside of the container: its runtime's, and the hook's where that is outside.
    /// Whether one of them is a container's is for ``ContainerRegistry/admit(_:)`` to see.
    package let callerCgroups: [UInt64]
    /// The directories above the container's own, as the kernel has them: one may be a container of which the records
    /// have not told yet.
    package let ancestors: [UInt64]
    /// Whether the hook still waits for its answer. As long as it does, the runtime does not start the container.
    package let isAwaited: @Sendable () -> Bool

    /// Whether the init is still the process that it was, and where it was, and the directory the one that it was.
    package func holds(in procfs: Procfs, _ hierarchy: CgroupHierarchy) -> Bool {
        procfs.cgroupPath(of: initProcess, in: hierarchy) == initPath && hierarchy.id(ofPath: cgroupPath) == cgroup
            && procfs.startTime(of: initProcess) == initStart
    }
}

extension ContainerRegistry {
    /// Refuses what a process of a known container says from outside of the container that it speaks of: a runtime is
    /// in none. Root of a privileged container with the host's pids looks like the host's root in all but this.
    package func admit(_ registration: Registration) throws(RegistrationError) {
        for cgroup in registration.ancestors {
            guard let outer = tree.container(at: cgroup), outer.isToldByHook else { continue }
            throw RegistrationError(
                .denied,
                "cgroup \(registration.cgroupPath) lies in container \(outer.identity.id.text); it cannot be container "
                    + "\(registration.identity.id.text)")
        }
        for cgroup in registration.callerCgroups {
            guard let container = tree.container(above: cgroup) else { continue }
            throw RegistrationError(
                .denied,
                "container \(registration.identity.id.text) is told of by a process of container "
                    + "\(container.identity.id.text); only a runtime outside of all containers may")
        }
    }
}
