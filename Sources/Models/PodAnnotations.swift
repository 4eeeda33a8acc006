// SPDX-License-Identifier: Apache-2.0

/// Who a container is, as the two CRI runtimes say it in annotations: containerd's key first, then CRI-O's.
///
/// Plain runc, docker and Podman containers have none of them. That is a container without a pod and not an error, so
/// every property may be empty.
package struct PodAnnotations: Sendable, Equatable {
    package let containerName: String
    /// CRI-O only. With containerd the id is the one in the OCI state.
    package let containerID: String
    package let image: String
    package let podName: String
    package let podUID: String
    package let podNamespace: String

    package init(_ annotations: Annotations) {
        containerName =
            annotations.first(of: "io.kubernetes.cri.container-name", "io.kubernetes.container.name") ?? ""
        containerID = annotations.first(of: "io.kubernetes.cri-o.ContainerID") ?? ""
        image = annotations.first(of: "io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName") ?? ""
        podName = annotations.first(of: "io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name") ?? ""
        podUID = annotations.first(of: "io.kubernetes.cri.sandbox-uid", "io.kubernetes.pod.uid") ?? ""
        podNamespace =
            annotations.first(of: "io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace") ?? ""
    }
}
