// SPDX-License-Identifier: Apache-2.0
internal import Containers
internal import Models
internal import Processes

extension Event {
    fileprivate var container: Container? { process?.container }
    /// Who the container is, if it is a pod's.
    fileprivate var pod: ContainerIdentity? { container.flatMap { $0.identity.hasPod ? $0.identity : nil } }
}

/// namespace: the pod is in one of these. The empty name stands for processes without a pod.
struct NamespaceCondition: EventCondition {
    let names: Set<String>

    func holds(for event: Event) -> Bool {
        event.process != nil && names.contains(event.pod?.podNamespace ?? "")
    }
}

/// namespace_regex
struct NamespaceExpressionCondition: EventCondition {
    let expressions: ExpressionList

    func holds(for event: Event) -> Bool { event.pod.map { expressions.match($0.podNamespace) } ?? false }
}

/// pod_regex: on the pod's name.
struct PodNameCondition: EventCondition {
    let expressions: ExpressionList

    func holds(for event: Event) -> Bool { event.pod.map { expressions.match($0.podName) } ?? false }
}

/// container_name_regex: of a container with a pod or without.
struct ContainerNameCondition: EventCondition {
    let expressions: ExpressionList

    func holds(for event: Event) -> Bool {
        guard let name = event.container?.identity.name, !name.isEmpty else { return false }
        return expressions.match(name)
    }
}

/// container_id: as Process.docker has it, whole, or whole after its engine's scheme.
struct ContainerIDCondition: EventCondition {
    let expressions: ExpressionList

    func holds(for event: Event) -> Bool {
        guard let identity = event.container?.identity else { return false }
        return expressions.match(identity.id.text) || expressions.match(identity.docker)
            || !identity.runtime.isEmpty && expressions.match(identity.qualifiedID)
    }
}

/// labels: one of the selectors takes the pod.
struct LabelCondition: EventCondition {
    let selectors: [LabelSelector]

    func holds(for event: Event) -> Bool {
        guard let pod = event.pod else { return false }
        let labels = PodLabels(own: event.container?.pod?.labels ?? [:], pod: pod)
        return selectors.contains { $0.matches(labels) }
    }
}

/// A pod's labels, and what every pod has without being given it, under the keys of the kubelet and of Cilium.
struct PodLabels {
    let own: [String: String]
    let pod: ContainerIdentity

    /// Nil where there is no such label.
    subscript(key: String) -> String? {
        switch key {
        case "io.kubernetes.pod.namespace": pod.podNamespace
        case "io.kubernetes.pod.name": pod.podName
        case "io.kubernetes.pod.uid": pod.podUID
        case "io.kubernetes.container.name": pod.name
        default: own[key]
        }
    }
}
