// SPDX-License-Identifier: Apache-2.0
package import Models

/// A container that the agent knows, and how it knows. What is known may grow: the writer thread alone changes it, and
/// reads what changes.
package final class Container: @unchecked Sendable {
    /// Where the identity comes from: the API's IdentityInfo.source.
    package enum Source: String, Sendable {
        /// A runtime hook's request, with what the kernel says of the caller.
        case hook
        /// The name of a cgroup that was there before the agent.
        case cgroup
        /// A process that was there before the agent, the first of a pid namespace of its own.
        case procfs
        /// A hook's request to an earlier agent, kept in the state directory.
        case state
        /// A request that a hook left for an agent that was not there.
        case spool
        /// The container runtime's own records.
        case runtime
        /// A source of pods, whose status names the container's id.
        case pod

        /// Whether a hook told, sooner or later.
        package var isHooks: Bool { self == .hook || self == .state || self == .spool }
    }

    package private(set) var identity: ContainerIdentity
    package private(set) var source: Source
    /// Whether a hook told of it, whoever has named it since.
    package let isToldByHook: Bool
    /// kernfs id in the agent's hierarchy.
    package let cgroup: UInt64
    /// Below the hierarchy's root; empty where it is not known.
    package let cgroupPath: String
    /// The first process, host pid; nil where it is not known.
    package private(set) var initProcess: UInt32?
    /// When that process began, clock ticks since boot, and how often it had exec'd when it was told of: with another
    /// start it is another process, with more execs it runs its own program. Nil where it is not known.
    package let initStart: UInt64?
    package let initExecs: UInt32?
    /// Those of its init, where they are known.
    package let namespaces: NamespaceKey?
    /// The image's digest and when the container began, ns since 1970, as its runtime says; empty and 0 if it did not.
    package private(set) var imageID: String
    package private(set) var startTime: Int64
    /// What Kubernetes says of its pod, and of it there.
    package private(set) var pod: Pod?
    package private(set) var podContainer: PodContainer?
    /// Counts the changes: what was encoded before the last one is out of date.
    package private(set) var revision: UInt32 = 0

    package init(
        identity: ContainerIdentity, source: Source, cgroup: UInt64, cgroupPath: String = "",
        initProcess: UInt32? = nil,
        initStart: UInt64? = nil, initExecs: UInt32? = nil, imageID: String = "", startTime: Int64 = 0,
        namespaces: NamespaceKey? = nil
    ) {
        self.identity = identity
        self.source = source
        isToldByHook = source.isHooks
        self.cgroup = cgroup
        self.cgroupPath = cgroupPath
        self.initProcess = initProcess
        self.initStart = initStart
        self.initExecs = initExecs
        self.namespaces = namespaces
        self.imageID = imageID
        self.startTime = startTime
    }

    package convenience init(_ registration: Registration, source: Source = .hook) {
        self.init(
            identity: registration.identity, source: source, cgroup: registration.cgroup,
            cgroupPath: registration.cgroupPath, initProcess: registration.initProcess,
            initStart: registration.initStart, namespaces: registration.namespaces)
    }

    /// Somebody who knows better has told.
    func learn(_ identity: ContainerIdentity, from source: Source) {
        self.identity = identity
        self.source = source
        revision &+= 1
    }

    /// The runtime's own word. What a hook told stands; what it could not know is filled in.
    func learn(fromRuntime other: Container) {
        let isPoorer = !identity.hasPod && other.identity.hasPod || source == .cgroup || source == .procfs
        if isPoorer, identity.id == other.identity.id || !isToldByHook { learn(other.identity, from: .runtime) }
        initProcess = initProcess ?? other.initProcess
        if !other.imageID.isEmpty, imageID != other.imageID {
            imageID = other.imageID
            revision &+= 1
        }
        if other.startTime != 0, startTime != other.startTime {
            startTime = other.startTime
            revision &+= 1
        }
    }

    /// - Parameter pod: nil when it is gone.
    func learn(_ pod: Pod?) {
        let container = pod?.container(of: identity)
        guard pod != self.pod || container != podContainer else { return }
        self.pod = pod
        podContainer = container
        revision &+= 1
    }

    /// Whether two name the same container and pod, as far as both have names.
    func agrees(with other: ContainerIdentity) -> Bool {
        guard identity.id == other.id else { return false }
        guard identity.hasPod, other.hasPod else { return true }
        return identity.podNamespace == other.podNamespace && identity.podName == other.podName
            && identity.podUID == other.podUID && (other.name.isEmpty || identity.name == other.name)
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
