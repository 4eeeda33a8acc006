// SPDX-License-Identifier: Apache-2.0
internal import Models

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

    private enum Owner {
        case one(Container)
        /// Containers that share their namespaces cannot be told apart by them.
        case several(Set<UInt64>)
    }

    /// - Parameter host: the host's own namespaces, which never name a container.
    package init(host: NamespaceKey) { self.host = host }

    // MARK: What the kernel tells of the hierarchy

    package mutating func cgroupCreated(id: UInt64, parent: UInt64) { tree.insert(id: id, parent: parent) }

    package mutating func cgroupRemoved(id: UInt64) {
        guard let container = tree.remove(id: id) else { return }
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
            try? register(Container(identity: identity, source: .cgroup, cgroup: cgroup), namespaces: nil)
        }
        return paths
    }

    // MARK: Registration

    /// Enters a container under its cgroup. The same container may be registered twice (a node can have both hook
    /// stages configured), and a hook's word replaces what was guessed; another container in the same cgroup is refused.
    package mutating func register(_ container: Container, namespaces: NamespaceKey?) throws(RegistrationError) {
        if let present = tree.container(at: container.cgroup), present.source == .hook, !present.isSame(as: container) {
            throw RegistrationError(
                .denied,
                "cgroup \(container.cgroup) is registered for container \(present.identity.id.text) and its init "
                    + "\(present.initProcess ?? 0); it cannot be \(container.identity.id.text) and "
                    + "\(container.initProcess ?? 0) too")
        }
        if let present = containers[container.cgroup] { forgetNamespaces(of: present) }
        tree.assign(container, to: container.cgroup)
        containers[container.cgroup] = container
        if let namespaces { remember(namespaces, of: container) }
    }

    /// Takes a registration back; the directory stays known.
    package mutating func forget(_ cgroup: UInt64) {
        guard let container = containers.removeValue(forKey: cgroup) else { return }
        tree.assign(nil, to: cgroup)
        forgetNamespaces(of: container)
    }

    /// Looks at what is there after records were lost: directories that came or went unseen.
    package mutating func reconcile(_ hierarchy: CgroupHierarchy) {
        var present = CgroupTree()
        present.scan(hierarchy) { _, _ in }
        for id in tree.missing(in: present) { cgroupRemoved(id: id) }
        tree.adopt(present)
    }

    // MARK: Lookup

    /// The container of a process by its cgroup, else by its namespaces. Where the two differ the cgroup wins: a
    /// process can enter namespaces at will, its cgroup is the runtime's doing.
    package func container(cgroup: UInt64, namespaces: NamespaceKey?) -> (container: Container, key: Key)? {
        if let container = tree.container(above: cgroup) { return (container, .cgroup) }
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
