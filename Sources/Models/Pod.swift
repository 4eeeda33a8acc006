// SPDX-License-Identifier: Apache-2.0

/// What Kubernetes says of a pod of this node: more than its containers' runtimes know.
package struct Pod: Sendable, Equatable {
    package var name: String
    package var namespace: String
    /// Every uid that a runtime may know the pod by: the API's and, for a pod from a manifest, the hash that the kubelet
    /// uses (annotation `kubernetes.io/config.hash`). Empty where only its name is known.
    package var uids: Set<String>
    package var labels: [String: String]
    /// The owner that people think in: "Deployment" and its name rather than a ReplicaSet's; "Pod" for one without.
    package var workload: String
    package var workloadKind: String
    package var containers: [PodContainer]

    package init(
        name: String, namespace: String, uids: Set<String> = [], labels: [String: String] = [:], workload: String = "",
        workloadKind: String = "", containers: [PodContainer] = []
    ) {
        self.name = name
        self.namespace = namespace
        self.uids = uids
        self.labels = labels
        self.workload = workload
        self.workloadKind = workloadKind
        self.containers = containers
    }

    package func container(named name: String) -> PodContainer? { containers.first { $0.name == name } }
}

/// A container of a pod: from the pod's spec and, as far as it runs already, its status.
package struct PodContainer: Sendable, Equatable {
    package var name: String
    /// The image as the spec or the status names it.
    package var image: String
    /// The image's digest as the status names it; empty before.
    package var imageID: String
    /// The runtime's id without its `containerd://`; empty before the status knows it.
    package var id: String
    /// Nanoseconds since 1970; 0 before it runs.
    package var startTime: Int64
    package var commands: [PodCommand]

    package init(
        name: String, image: String = "", imageID: String = "", id: String = "", startTime: Int64 = 0,
        commands: [PodCommand] = []
    ) {
        self.name = name
        self.image = image
        self.imageID = imageID
        self.id = id
        self.startTime = startTime
        self.commands = commands
    }
}

/// A command that the kubelet runs in a container on its own account.
package struct PodCommand: Sendable, Equatable {
    package enum Kind: String, Sendable {
        case startup, readiness, liveness
        case postStart, preStop

        package var isProbe: Bool {
            switch self {
            case .startup, .readiness, .liveness: true
            case .postStart, .preStop: false
            }
        }
    }

    package let kind: Kind
    /// The argument vector. Never empty.
    package let arguments: [String]

    package init(kind: Kind, arguments: [String]) {
        self.kind = kind
        self.arguments = arguments
    }
}

/// What a source of pods tells, in order. A pod is known by its namespace and name.
package enum PodChange: Sendable, Equatable {
    /// There is, or has changed, this one.
    case applied(Pod)
    case removed(namespace: String, name: String)
    /// These are all; others that the source told of are gone.
    case all([Pod])
}
