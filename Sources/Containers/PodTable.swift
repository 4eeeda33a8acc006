// SPDX-License-Identifier: Apache-2.0
package import Models

/// The pods of this node, as far as sources of pods tell.
struct PodTable {
    private struct Name: Hashable {
        let namespace: String
        let name: String
    }

    /// By source: one may tell of a pod that another does not know.
    private var pods: [String: [Name: Pod]] = [:]

    mutating func apply(_ change: PodChange, from source: String) {
        switch change {
        case .applied(let pod): pods[source, default: [:]][Name(namespace: pod.namespace, name: pod.name)] = pod
        case .removed(let namespace, let name): pods[source]?[Name(namespace: namespace, name: name)] = nil
        case .all(let all):
            pods[source] = Dictionary(
                all.map { (Name(namespace: $0.namespace, name: $0.name), $0) }, uniquingKeysWith: { $1 })
        }
    }

    /// The pod of a container: by its name, unless the uids say that it is another of that name; of a container whose
    /// pod is not known, by its id.
    func pod(of identity: ContainerIdentity) -> Pod? {
        // Two sources may tell of one pod: always the same one counts.
        for (_, pods) in pods.sorted(by: { $0.key < $1.key }) {
            guard identity.hasPod else {
                if let pod = pods.values.first(where: { $0.container(of: identity) != nil }) { return pod }
                continue
            }
            let pod = pods[Name(namespace: identity.podNamespace, name: identity.podName)]
            if let pod, pod.uids.isEmpty || identity.podUID.isEmpty || pod.uids.contains(identity.podUID) { return pod }
        }
        return nil
    }
}

extension Pod {
    /// The container in its spec: by its name where the runtime told it, by its id else.
    package func container(of identity: ContainerIdentity) -> PodContainer? {
        if !identity.name.isEmpty, identity.hasPod { return container(named: identity.name) }
        return containers.first { !$0.id.isEmpty && $0.id == identity.id.text }
    }
}

extension ContainerIdentity {
    /// The identity of a container whose runtime said no more than its id, with the names that its pod gives it.
    func named(by pod: Pod) -> ContainerIdentity? {
        guard let container = pod.container(of: self) else { return nil }
        return try? ContainerIdentity(
            id: id.text, name: container.name, image: image.isEmpty ? container.image : image, runtime: runtime,
            bundle: bundle, rootDir: rootDir, cgroupsPath: cgroupsPath?.path ?? "", podName: pod.name,
            podNamespace: pod.namespace, podUID: pod.uids.min() ?? "", stage: stage)
    }
}
