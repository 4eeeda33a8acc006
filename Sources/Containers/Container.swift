// SPDX-License-Identifier: Apache-2.0
package import Models

/// A container that the agent knows, and how it knows.
package final class Container: Sendable {
    /// Where the identity comes from: the API's IdentityInfo.source.
    package enum Source: String, Sendable {
        /// A runtime hook's request, with what the kernel says of the caller.
        case hook
        /// The name of a cgroup that was there before the agent.
        case cgroup
        /// A process that was there before the agent, the first of a pid namespace of its own.
        case procfs
    }

    package let identity: ContainerIdentity
    package let source: Source
    /// kernfs id in the agent's hierarchy.
    package let cgroup: UInt64
    /// The process that the hook named, host pid; nil without a hook.
    package let initProcess: UInt32?

    package init(identity: ContainerIdentity, source: Source, cgroup: UInt64, initProcess: UInt32? = nil) {
        self.identity = identity
        self.source = source
        self.cgroup = cgroup
        self.initProcess = initProcess
    }

    package convenience init(_ registration: Registration) {
        self.init(
            identity: registration.identity, source: .hook, cgroup: registration.cgroup,
            initProcess: registration.initProcess)
    }

    /// The same container, told of twice: both hook stages say the same of the same init.
    func isSame(as other: Container) -> Bool {
        identity.id == other.identity.id && identity.name == other.identity.name
            && identity.podName == other.identity.podName && identity.podNamespace == other.identity.podNamespace
            && identity.podUID == other.identity.podUID && initProcess == other.initProcess
    }
}

/// The second key: the namespaces that a container's init lives in.
package struct NamespaceKey: Hashable, Sendable {
    package let mount: UInt32
    package let pid: UInt32

    package init(mount: UInt32, pid: UInt32) {
        self.mount = mount
        self.pid = pid
    }
}
