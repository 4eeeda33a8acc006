// SPDX-License-Identifier: Apache-2.0

/// Who a container is. What reaches the agent from outside becomes one of these or is refused: every field is bounded,
/// so that what a caller says can neither fill the agent's memory nor a log line.
package struct ContainerIdentity: Sendable, Equatable {
    /// The full id. Never empty.
    package let id: ContainerID
    /// The container's name in its pod, up to 253 bytes. All fields from here on may be empty.
    package let name: String
    /// The image as the runtime names it, up to 4096 bytes.
    package let image: String
    /// "containerd", "cri-o", "podman", "docker", or "" if nothing told. Up to 63 bytes.
    package let runtime: String
    /// Absolute path of the OCI bundle, up to 4096 bytes.
    package let bundle: String
    /// Absolute path of the container's root directory, up to 4096 bytes.
    package let rootDir: String
    /// The cgroup below the cgroup root.
    package let cgroupsPath: CgroupPath?
    /// Up to 253 bytes each, which is what Kubernetes allows.
    package let podName: String
    package let podNamespace: String
    package let podUID: String
    /// The hook's stage, or nil if the identity did not come from a hook.
    package let stage: HookStage?

    package static let maximumNameLength = 253
    package static let maximumImageLength = 4096
    package static let maximumPathLength = 4096
    package static let maximumRuntimeLength = 63

    /// True for a container of a Kubernetes pod.
    package var hasPod: Bool { !podName.isEmpty }

    /// The id as Kubernetes writes it: `containerd://<id>`.
    package var qualifiedID: String { runtime.isEmpty ? id.text : "\(runtime)://\(id.text)" }

    package init(
        id: String, name: String = "", image: String = "", runtime: String = "", bundle: String = "",
        rootDir: String = "", cgroupsPath: String = "", podName: String = "", podNamespace: String = "",
        podUID: String = "", stage: HookStage? = nil
    ) throws(ContainerIdentityError) {
        guard let id = ContainerID(id) else {
            throw ContainerIdentityError(field: "id", why: "is no container id")
        }
        self.id = id
        self.name = try Self.text(name, "name", Self.maximumNameLength)
        self.image = try Self.text(image, "image", Self.maximumImageLength)
        self.runtime = try Self.text(runtime, "runtime", Self.maximumRuntimeLength)
        self.bundle = try Self.absolutePath(bundle, "bundle")
        self.rootDir = try Self.absolutePath(rootDir, "rootDir")
        self.podName = try Self.text(podName, "podName", Self.maximumNameLength)
        self.podNamespace = try Self.text(podNamespace, "podNamespace", Self.maximumNameLength)
        self.podUID = try Self.text(podUID, "podUID", Self.maximumNameLength)
        self.stage = stage
        do {
            self.cgroupsPath = cgroupsPath.isEmpty ? nil : try CgroupPath(cgroupsPath: cgroupsPath)
        } catch {
            throw ContainerIdentityError(field: "cgroupsPath", why: "names no cgroup: \(error.description)")
        }
    }

    private static func text(
        _ value: String, _ field: String, _ maximum: Int
    ) throws(ContainerIdentityError) -> String {
        if value.utf8.count > maximum {
            throw ContainerIdentityError(field: field, why: "is longer than \(maximum) bytes")
        }
        if value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
            throw ContainerIdentityError(field: field, why: "contains a control character")
        }
        return value
    }

    private static func absolutePath(_ value: String, _ field: String) throws(ContainerIdentityError) -> String {
        if !value.isEmpty, value.utf8.first != UInt8(ascii: "/") {
            throw ContainerIdentityError(field: field, why: "is not an absolute path")
        }
        return try text(value, field, maximumPathLength)
    }
}

/// Which field of an identity was refused, and why.
package struct ContainerIdentityError: Error, Equatable {
    package let field: String
    package let why: String

    package var description: String { "\(field) \(why)" }
}
