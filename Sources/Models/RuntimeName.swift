// SPDX-License-Identifier: Apache-2.0

/// Which engine made a container, as far as its own papers tell: "containerd", "cri-o", "podman", "docker", or "".
///
/// The engine is what people know their container from. The OCI runtime below it (runc, crun) cannot be known: its
/// executable may run from a memfd, and the state does not name it.
package enum RuntimeName {
    package static func tell(annotations: Annotations, cgroupsPath: String, bundle: String) -> String {
        // First, because Podman uses some of CRI-O's keys as well.
        if annotations["io.container.manager"] == "libpod" {
            return "podman"
        }
        if annotations.hasKey(startingWith: "io.kubernetes.cri-o.") {
            return "cri-o"
        }
        if annotations.hasKey(startingWith: "io.kubernetes.cri.") || annotations.hasKey(startingWith: "nerdctl/") {
            return "containerd"
        }
        if annotations.hasKey(startingWith: "io.podman.") {
            return "podman"
        }
        if let found = ContainerID.find(inCgroupPath: cgroupsPath), !found.runtime.isEmpty {
            return found.runtime
        }
        return tell(bundle: bundle)
    }

    /// The shim keeps bundles in a directory a containerd namespace, and docker's namespace is `moby`.
    private static func tell(bundle: String) -> String {
        let components = bundle.utf8.split(separator: UInt8(ascii: "/"))
        guard let shim = components.firstIndex(where: { $0.elementsEqual("io.containerd.runtime.v2.task".utf8) }) else {
            return ""
        }
        let namespace = components.dropFirst(shim + 1).first
        return namespace?.elementsEqual("moby".utf8) == true ? "docker" : "containerd"
    }
}
