// SPDX-License-Identifier: Apache-2.0
internal import Models

/// A pod as the API and manifests write it: the few fields that are read here. Others are passed over.
struct PodObject: Decodable {
    var metadata: Metadata
    var spec: Spec?
    var status: Status?

    struct Metadata: Decodable {
        var name: String?
        var namespace: String?
        var uid: String?
        var labels: [String: String]?
        var annotations: Annotations?
        var ownerReferences: [Owner]?
    }

    struct Annotations: Decodable {
        var configHash: String?

        enum CodingKeys: String, CodingKey {
            case configHash = "kubernetes.io/config.hash"
        }
    }

    struct Owner: Decodable {
        var kind: String
        var name: String
        var controller: Flag?
    }

    struct Spec: Decodable {
        var containers: [Container]?
        /// Those with `restartPolicy: Always` are sidecars, which have probes.
        var initContainers: [Container]?
        var ephemeralContainers: [Container]?
    }

    struct Container: Decodable {
        var name: String
        var image: String?
        var env: [Variable]?
        var startupProbe: Handler?
        var readinessProbe: Handler?
        var livenessProbe: Handler?
        var lifecycle: Lifecycle?
    }

    struct Variable: Decodable {
        var name: String
        /// Nil where it comes from elsewhere (`valueFrom`).
        var value: String?
    }

    struct Handler: Decodable {
        var exec: Exec?

        struct Exec: Decodable {
            var command: [String]?
        }
    }

    struct Lifecycle: Decodable {
        var postStart: Handler?
        var preStop: Handler?
    }

    struct Status: Decodable {
        var containerStatuses: [ContainerStatus]?
        var initContainerStatuses: [ContainerStatus]?
        var ephemeralContainerStatuses: [ContainerStatus]?
    }

    struct ContainerStatus: Decodable {
        var name: String
        var image: String?
        var imageID: String?
        var containerID: String?
        var state: State?

        struct State: Decodable {
            var running: Running?
        }

        struct Running: Decodable {
            var startedAt: String?
        }
    }
}

extension PodObject {
    /// Bytes of the commands of one pod; what is beyond is left out.
    static let maximumCommands = 1 << 20
    /// As the API bounds names (253) and namespaces (63).
    static let maximumName = 253

    /// The pod as others know it; nil where it has no name.
    func pod() -> Pod? {
        guard let name = metadata.name, (1...Self.maximumName).contains(name.utf8.count) else { return nil }
        let namespace = metadata.namespace.flatMap { $0.isEmpty ? nil : $0 } ?? "default"
        guard namespace.utf8.count <= Self.maximumName else { return nil }
        let labels = metadata.labels ?? [:]
        let workload = Workload(ofPod: name, labels: labels, owners: metadata.ownerReferences ?? [])
        let uids = [metadata.uid, metadata.annotations?.configHash].compactMap { $0 }.filter { !$0.isEmpty }

        var commandBytes = Self.maximumCommands
        var containers: [PodContainer] = []
        for (specs, statuses) in [
            (spec?.containers, status?.containerStatuses),
            (spec?.initContainers, status?.initContainerStatuses),
            (spec?.ephemeralContainers, status?.ephemeralContainerStatuses),
        ] {
            let statuses = Dictionary((statuses ?? []).map { ($0.name, $0) }) { first, _ in first }
            for spec in specs ?? [] { containers.append(spec.container(statuses[spec.name], &commandBytes)) }
        }
        return Pod(
            name: name, namespace: namespace, uids: Set(uids), labels: labels, workload: workload.name,
            workloadKind: workload.kind, containers: containers)
    }
}

extension PodObject.Container {
    fileprivate func container(_ status: PodObject.ContainerStatus?, _ commandBytes: inout Int) -> PodContainer {
        PodContainer(
            name: name,
            // A status names an image that has no tag by its digest: then the spec's name says more.
            image: status?.image.flatMap { $0.isEmpty || $0.hasPrefix("sha256:") ? nil : $0 } ?? image ?? "",
            imageID: status?.imageID ?? "",
            id: status?.containerID.map(Self.withoutScheme) ?? "",
            startTime: status?.state?.running?.startedAt.flatMap(Timestamp.nanoseconds) ?? 0,
            commands: commands(&commandBytes))
    }

    private func commands(_ bytes: inout Int) -> [PodCommand] {
        let expansion = CommandExpansion(env ?? [])
        let unexpanded = CommandExpansion(nil)
        var commands: [PodCommand] = []
        for (kind, handler) in [
            (PodCommand.Kind.startup, startupProbe), (.readiness, readinessProbe), (.liveness, livenessProbe),
            (.postStart, lifecycle?.postStart), (.preStop, lifecycle?.preStop),
        ] {
            guard let command = handler?.exec?.command, !command.isEmpty,
                let arguments = (kind.isProbe ? expansion : unexpanded).expand(command, limit: bytes)
            else { continue }
            bytes -= arguments.reduce(0) { $0 + $1.utf8.count }
            commands.append(PodCommand(kind: kind, arguments: arguments))
        }
        return commands
    }

    /// `containerd://ID` is ID.
    private static func withoutScheme(_ id: String) -> String {
        id.firstRange(of: "://").map { String(id[$0.upperBound...]) } ?? id
    }
}
