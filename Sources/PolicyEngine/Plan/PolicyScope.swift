// SPDX-License-Identifier: Apache-2.0
package import Policies

/// Whom a policy applies to. What runs in no pod is the host's, containers that no pod has among it.
package struct PolicyScope: Sendable, Equatable {
    /// Of these pods' containers; nil: of none.
    package let pods: Pods?
    package let includesHost: Bool

    package struct Pods: Sendable, Equatable {
        /// nil: of any.
        package let namespace: String?
        package let labels: LabelSelector
        package let containers: LabelSelector
    }

    package init(_ policy: TracingPolicy) {
        let spec = policy.spec
        switch policy.scope {
        case .namespace(let namespace):
            pods = Pods(
                namespace: namespace, labels: spec.podSelector ?? LabelSelector(),
                containers: spec.containerSelector ?? LabelSelector())
            includesHost = false
        case .cluster where spec.podSelector != nil || spec.containerSelector != nil:
            pods = Pods(
                namespace: nil, labels: spec.podSelector ?? LabelSelector(),
                containers: spec.containerSelector ?? LabelSelector())
            includesHost = spec.includesHost
        case .cluster:
            // Of the host alone, if that is all that it says.
            pods = spec.includesHost ? nil : Pods(namespace: nil, labels: LabelSelector(), containers: LabelSelector())
            includesHost = true
        }
    }

    /// Nobody is left out: the kernel need not ask.
    package var isEverything: Bool {
        guard includesHost, let pods else { return false }
        return pods.namespace == nil && pods.labels.isEmpty && pods.containers.isEmpty
    }

    package func applies(to container: ScopedContainer) -> Bool {
        guard container.isInPod else { return includesHost }
        guard let pods else { return false }
        if let namespace = pods.namespace, namespace != container.namespace { return false }
        return pods.labels.matches { $0 == Self.namespaceKey ? container.namespace : container.labels[$0] }
            && pods.containers.matches { key in
                switch key {
                case "name": container.name
                case "repo": container.repository
                default: nil
                }
            }
    }

    /// The pod's namespace, among the keys of its labels.
    private static let namespaceKey = "k8s:io.kubernetes.pod.namespace"
}

/// What selectors can ask of a container.
package struct ScopedContainer: Sendable, Equatable {
    package var isInPod: Bool
    /// The pod's.
    package var namespace: String
    package var labels: [String: String]
    /// The container's own.
    package var name: String
    package var image: String

    package init(
        isInPod: Bool = true, namespace: String = "", labels: [String: String] = [:], name: String = "",
        image: String = ""
    ) {
        self.isInPod = isInPod
        self.namespace = namespace
        self.labels = labels
        self.name = name
        self.image = image
    }

    /// The image without tag and digest.
    package var repository: String {
        let name = image.prefix { $0 != "@" }
        // A colon before the last slash is that of a port.
        let base = name.lastIndex(of: "/").map { name.index(after: $0) } ?? name.startIndex
        return String(name[..<(name[base...].firstIndex(of: ":") ?? name.endIndex)])
    }
}

extension LabelSelector {
    /// Whether all that it says holds of these labels, as Kubernetes means it.
    func matches(_ value: (String) -> String?) -> Bool {
        labels.allSatisfy { value($0.key) == $0.value }
            && requirements.allSatisfy { requirement in
                let value = value(requirement.key)
                return switch requirement.comparison {
                case .isIn: value.map(requirement.values.contains) ?? false
                case .isNotIn: !(value.map(requirement.values.contains) ?? false)
                case .exists: value != nil
                case .doesNotExist: value == nil
                }
            }
    }
}
