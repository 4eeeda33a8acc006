// SPDX-License-Identifier: Apache-2.0
package import Models

/// Which container is this? Owned by the writer thread.
package struct ContainerRegistry {
    /// How a process was found to be in its container.
    package enum Key: Sendable {
        /// Its cgroup is the container's, or below it.
        case cgroup
        /// Its cgroup is no container's, its namespaces are this one's: somebody entered from outside.
        case namespaces
    }

    package private(set) var tree = CgroupTree()
    private var byNamespaces: [NamespaceKey: Owner] = [:]
    package let host: NamespaceKey
    package private(set) var containers: [UInt64: Container] = [:]
    private var awaiting = AwaitedCgroups()
    /// Containers of the hook's whose own first program has run.
    private var started: Set<UInt64> = []

    private var pods = PodTable()
    private var hasNameless = false
    /// Containers of which a runtime has told otherwise than the hook, and that was said.
    private var contradicted: Set<UInt64> = []
    /// Cgroups of registered containers that are gone, for who keeps their registrations.
    private var gone: [UInt64] = []
    /// Containers that have come, or of which more is known, or that are gone.
    private var changed: Set<UInt64> = []

    private enum Owner {
        case one(Container)
        /// Containers that share their namespaces cannot be told apart by them.
        case several(Set<UInt64>)
    }

    /// - Parameter host: the host's own namespaces, which never name a container.
    package init(host: NamespaceKey) { self.host = host }

    // MARK: What the kernel tells of the hierarchy

    /// - Parameter byRuntime: a container runtime made it, as far as programs' names say.
    package mutating func cgroupCreated(id: UInt64, parent: UInt64, name: String = "", byRuntime: Bool = false) {
        tree.insert(id: id, parent: parent)
        // What is made inside a container is that one's; and its own directory may have been told of already.
        if let container = tree.container(above: id) {
            changed.insert(container.cgroup)
            return
        }
        let isAwaited = awaiting.created(
            id, parent: parent, isTop: tree.isTop(parent), name: name, byRuntime: byRuntime)
        if isAwaited == false { hasNameless = true }
    }

    package mutating func cgroupRemoved(id: UInt64) {
        awaiting.removed(id)
        started.remove(id)
        contradicted.remove(id)
        guard let container = tree.remove(id: id) else { return }
        if container.isToldByHook { gone.append(id) }
        changed.insert(id)
        containers.removeValue(forKey: id)
        forgetNamespaces(of: container)
    }

    /// Learns the directories that are there, and takes those whose names hold a container's id for containers.
    /// - Returns: each directory's path below the root, by id.
    package mutating func discover(_ hierarchy: CgroupHierarchy) -> [UInt64: String] {
        var paths: [UInt64: String] = [:]
        tree.scan(hierarchy) { paths[$0] = $1 }
        for (cgroup, path) in paths {
            guard let found = ContainerID.find(inCgroupPath: path), found.cgroup == path,
                let identity = try? ContainerIdentity(
                    id: found.id.text, runtime: found.runtime, cgroupsPath: found.cgroup)
            else { continue }
            try? register(
                Container(identity: identity, source: .cgroup, cgroup: cgroup, cgroupPath: path), namespaces: nil)
        }
        return paths
    }

    // MARK: Containers that are about to be

    package var isAwaiting: Bool { !awaiting.directories.isEmpty }

    /// The directory at or above `id` for whose container somebody's word is awaited.
    package func awaited(above id: UInt64) -> UInt64? {
        isAwaiting ? tree.nearest(of: awaiting.directories, above: id) : nil
    }

    /// Whether a directory is, or lies in, one that was taken for a container's and of which nobody has told, yet or in
    /// time.
    package func isContainerToBe(_ id: UInt64) -> Bool {
        (isAwaiting && tree.nearest(of: awaiting.directories, above: id) != nil)
            || (!awaiting.refused.isEmpty && tree.nearest(of: awaiting.refused, above: id) != nil)
    }

    /// A registration is complete.
    /// - Returns: the directories that nobody waits for any more.
    package mutating func told(of cgroup: UInt64) -> [UInt64] { awaiting.told(of: cgroup, in: tree) }

    /// Nobody told in time: what happens there waits no longer.
    package mutating func gaveUpWaiting(for id: UInt64) {
        if awaiting.directories.contains(id) { hasNameless = true }
        awaiting.gaveUp(id, parent: tree.parent(of: id))
    }

    /// Somebody waits for a hook that will not tell any more.
    package mutating func noteNameless() { hasNameless = true }

    /// Whether a container has come since the last call of which nobody told.
    package mutating func takeNameless() -> Bool {
        defer { hasNameless = false }
        return hasNameless
    }

    // MARK: Registration

    /// Enters a container under its cgroup. The same container may be registered twice before its first program runs (a
    /// node can have both hook stages configured), and a hook's word replaces what was guessed. Refused are another
    /// container in the same cgroup, one inside another, and one that is running: whoever tells of that was not called
    /// to set it up, but may be a process of the container's own.
    package mutating func register(_ container: Container, namespaces: NamespaceKey?) throws(RegistrationError) {
        if let outer = tree.container(above: tree.parent(of: container.cgroup)), outer.isToldByHook {
            throw RegistrationError(
                .denied,
                "cgroup \(container.cgroup) lies in container \(outer.identity.id.text); it cannot be container "
                    + "\(container.identity.id.text)")
        }
        if let present = tree.container(at: container.cgroup), present.isToldByHook, !present.isSame(as: container) {
            throw RegistrationError(
                .denied,
                "cgroup \(container.cgroup) is registered for container \(present.identity.id.text) and its init "
                    + "\(present.initProcess ?? 0); it cannot be \(container.identity.id.text) and "
                    + "\(container.initProcess ?? 0) too")
        }
        if started.contains(container.cgroup) {
            throw RegistrationError(
                .denied, "container \(container.identity.id.text) runs already; it was registered before it did")
        }
        if let present = containers[container.cgroup] { forgetNamespaces(of: present) }
        name(container)
        tree.assign(container, to: container.cgroup)
        containers[container.cgroup] = container
        changed.insert(container.cgroup)
        if let namespaces { remember(namespaces, of: container) }
    }

    /// The container's own first program has run: who comes from outside now was not sent to set it up.
    package mutating func start(_ container: Container) { started.insert(container.cgroup) }

    /// The container's init has ended: its namespaces name it no longer, though its cgroup may stay a while. The kernel
    /// gives their numbers to the next container that comes.
    package mutating func initEnded(_ container: Container) { forgetNamespaces(of: container) }

    package func hasStarted(_ container: Container) -> Bool {
        !container.isToldByHook || started.contains(container.cgroup)
    }

    /// The cgroups of registered containers that went since the last call.
    package mutating func takeGone() -> [UInt64] {
        defer { gone = [] }
        return gone
    }

    /// The directories that are a container's: its own, and those inside.
    package func directories(of container: Container) -> [UInt64] { tree.directories(of: container) }

    /// The cgroups of containers that came, went, grew, or became better known since the last call.
    package mutating func takeChanged() -> Set<UInt64> {
        defer { changed = [] }
        return changed
    }

    /// Takes a registration back; the directory stays known.
    package mutating func forget(_ cgroup: UInt64) {
        guard let container = containers.removeValue(forKey: cgroup) else { return }
        changed.insert(cgroup)
        tree.assign(nil, to: cgroup)
        forgetNamespaces(of: container)
    }

    /// Looks at what is there after records were lost: directories that came or went unseen.
    package mutating func reconcile(_ hierarchy: CgroupHierarchy) {
        var present = CgroupTree()
        // What could not be looked at is not gone.
        guard present.scan(hierarchy, visit: { _, _ in }) else { return }
        for id in tree.missing(in: present) { cgroupRemoved(id: id) }
        tree.adopt(present)
    }

    // MARK: What others know

    /// What a runtime's word on a container is to the agent.
    package enum News: Sendable {
        case none
        /// Nobody had told of it.
        case new
        /// A hook has told something else: its word came from annotations, which a client of the runtime may have made
        /// up.
        case contradiction(told: ContainerIdentity)
    }

    /// A runtime tells of a container that runs.
    package mutating func learn(_ found: Container) -> News {
        guard let present = containers[found.cgroup] else {
            do { try register(found, namespaces: found.namespaces) } catch { return .none }
            return .new
        }
        let told = present.identity
        let agrees = !present.isToldByHook || present.agrees(with: found.identity)
        present.learn(fromRuntime: found)
        name(present)
        changed.insert(found.cgroup)
        return agrees || !contradicted.insert(found.cgroup).inserted ? .none : .contradiction(told: told)
    }

    /// - Parameter source: of pods; each tells of its own.
    package mutating func apply(_ change: PodChange, from source: String = "") {
        pods.apply(change, from: source)
        for container in containers.values {
            let revision = container.revision
            name(container)
            if container.revision != revision { changed.insert(container.cgroup) }
        }
    }

    /// Gives a container what sources of pods tell of it, its names too if its runtime did not know them.
    private func name(_ container: Container) {
        let pod = pods.pod(of: container.identity)
        if let pod, !container.identity.hasPod, let named = container.identity.named(by: pod) {
            container.learn(named, from: .pod)
        }
        container.learn(pod)
    }

    // MARK: Lookup

    /// The container of a process by its cgroup, else by its namespaces. Where the two differ the cgroup wins: a
    /// process can enter namespaces at will, its cgroup is the runtime's doing.
    package func container(cgroup: UInt64, namespaces: NamespaceKey?) -> (container: Container, key: Key)? {
        if let container = tree.container(above: cgroup) { return (container, .cgroup) }
        // Where a container is about to be, its own word counts: it may have got the numbers of one that has just ended.
        guard awaited(above: cgroup) == nil else { return nil }
        if let namespaces, namespaces != host, case .one(let container)? = byNamespaces[namespaces] {
            return (container, .namespaces)
        }
        return nil
    }

    private mutating func remember(_ namespaces: NamespaceKey, of container: Container) {
        guard namespaces.mount != host.mount, namespaces.pid != host.pid else { return }
        switch byNamespaces[namespaces] {
        case nil: byNamespaces[namespaces] = .one(container)
        case .one(let other): byNamespaces[namespaces] = .several([other.cgroup, container.cgroup])
        case .several(let cgroups): byNamespaces[namespaces] = .several(cgroups.union([container.cgroup]))
        }
    }

    private mutating func forgetNamespaces(of container: Container) {
        for (key, owner) in byNamespaces {
            switch owner {
            case .one(let one) where one === container: byNamespaces[key] = nil
            case .several(let cgroups) where cgroups.contains(container.cgroup):
                let left = cgroups.subtracting([container.cgroup])
                if left.count > 1 {
                    byNamespaces[key] = .several(left)
                } else {
                    byNamespaces[key] = left.first.flatMap { containers[$0] }.map { .one($0) }
                }
            default: break
            }
        }
    }
}
