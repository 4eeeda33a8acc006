// SPDX-License-Identifier: Apache-2.0

/// When a runtime calls the hook.
enum HookStage: String, CaseIterable, Sendable {
    case createContainer, createRuntime
}

/// A pod as a CRI runtime knows it.
struct Pod: Sendable {
    var namespace = "shop"
    var name = "front-7f9c"
    var uid = "0d7c1f52-6e6b-4c39-9d2c-0f4f4a3f1b11"
    var container = "web"
    var image = "docker.io/library/busybox:1.35"
}

/// Who writes the annotations, and so which keys they have.
enum AnnotationStyle: String, CaseIterable, Sendable {
    case containerd, crio, none

    func annotations(_ pod: Pod, id: String) -> [String: String] {
        switch self {
        case .containerd:
            [
                "io.kubernetes.cri.container-type": "container",
                "io.kubernetes.cri.container-name": pod.container,
                "io.kubernetes.cri.image-name": pod.image,
                "io.kubernetes.cri.sandbox-name": pod.name,
                "io.kubernetes.cri.sandbox-namespace": pod.namespace,
                "io.kubernetes.cri.sandbox-uid": pod.uid,
            ]
        case .crio:
            [
                "io.kubernetes.cri-o.ContainerType": "container",
                "io.kubernetes.cri-o.ContainerID": id,
                "io.kubernetes.cri-o.ImageName": pod.image,
                "io.kubernetes.container.name": pod.container,
                "io.kubernetes.pod.name": pod.name,
                "io.kubernetes.pod.namespace": pod.namespace,
                "io.kubernetes.pod.uid": pod.uid,
            ]
        case .none: [:]
        }
    }
}

/// A container as a test wants it.
struct ContainerSetup: Sendable {
    /// 64 digits, as the CRI runtimes make them.
    var id = String((0..<64).map { _ in "0123456789abcdef".randomElement()! })
    /// What its init runs.
    var command = ["/bin/sleep", "1000"]
    var stages: [HookStage] = [.createContainer]
    var style = AnnotationStyle.containerd
    var pod = Pod()
    var sharesHostPids = false
    /// Root of the container is an ordinary user of the host.
    var hasUserNamespace = false
    /// Besides those that every container gets.
    var capabilities: [String] = []
    /// Files and directories of the host that it sees: by its own path.
    var binds: [String: String] = [:]
    /// Files of the image, by path.
    var files: [String: String] = [:]
    /// Paths below /proc are masked and read-only, as CRI runtimes have it.
    var hasMaskedPaths = false
    var hookFlags: [String] = []
    /// Programs that run as hooks of others before ours, in createContainer: a path and its arguments each.
    var earlierHooks: [[String]] = []
    /// Of Tests/Programs, put into the image's root.
    var programs: [String] = []
    /// Below the hierarchy's root; nil puts it into a directory named by its id.
    var cgroup: String?
}
