// SPDX-License-Identifier: Apache-2.0
import Models
import Testing

struct AnnotationsTests {
    @Test("containerd's keys")
    func containerd() {
        let pod = PodAnnotations([
            "io.kubernetes.cri.container-name": "app",
            "io.kubernetes.cri.image-name": "busybox:1",
            "io.kubernetes.cri.sandbox-name": "shop-1",
            "io.kubernetes.cri.sandbox-uid": "6a2f",
            "io.kubernetes.cri.sandbox-namespace": "shop",
        ])
        #expect(pod.containerName == "app")
        #expect(pod.containerID == "")
        #expect(pod.image == "busybox:1")
        #expect(pod.podName == "shop-1")
        #expect(pod.podUID == "6a2f")
        #expect(pod.podNamespace == "shop")
    }

    @Test("CRI-O's keys")
    func crio() {
        let pod = PodAnnotations([
            "io.kubernetes.container.name": "app",
            "io.kubernetes.cri-o.ContainerID": "abc",
            "io.kubernetes.cri-o.ImageName": "busybox:1",
            "io.kubernetes.pod.name": "shop-1",
            "io.kubernetes.pod.uid": "6a2f",
            "io.kubernetes.pod.namespace": "shop",
        ])
        #expect(pod.containerName == "app")
        #expect(pod.containerID == "abc")
        #expect(pod.image == "busybox:1")
        #expect(pod.podName == "shop-1")
        #expect(pod.podUID == "6a2f")
        #expect(pod.podNamespace == "shop")
    }

    @Test("containerd's key wins, unless it is empty")
    func precedence() {
        let both: Annotations = ["io.kubernetes.cri.sandbox-name": "first", "io.kubernetes.pod.name": "second"]
        #expect(PodAnnotations(both).podName == "first")
        let empty: Annotations = ["io.kubernetes.cri.sandbox-name": "", "io.kubernetes.pod.name": "second"]
        #expect(PodAnnotations(empty).podName == "second")
    }

    @Test("A container without a pod is not an error")
    func none() {
        #expect(PodAnnotations(["org.opencontainers.image.title": "x"]).podName == "")
    }

    @Test("The last value of a key holds, nil removes it")
    func duplicates() {
        var annotations: Annotations = ["a": "1", "b": "2", "a": "3"]
        #expect(annotations.entries.map(\.value) == ["3", "2"])
        annotations["a"] = nil
        #expect(annotations.entries.map(\.key) == ["b"])
        #expect(annotations["a"] == nil)
    }

    @Test(
        "The engine, by its own papers",
        arguments: [
            (["io.kubernetes.cri-o.ContainerID": "x"], "", "", "cri-o"),
            (["io.kubernetes.cri.container-type": "sandbox"], "", "", "containerd"),
            (["io.container.manager": "libpod"], "", "", "podman"),
            (["io.kubernetes.cri-o.TTY": "false", "io.container.manager": "libpod"], "", "", "podman"),
            (["io.kubernetes.cri-o.TTY": "false", "io.container.manager": "cri-o"], "", "", "cri-o"),
            ([:], "/docker/" + String(repeating: "a", count: 64), "", "docker"),
            ([:], "", "/run/containerd/io.containerd.runtime.v2.task/moby/abc", "docker"),
            ([:], "", "/run/containerd/io.containerd.runtime.v2.task/k8s.io/abc", "containerd"),
            ([:], "/demo", "/home/me/bundle", ""),
        ] as [(Annotations, String, String, String)])
    func runtime(annotations: Annotations, cgroupsPath: String, bundle: String, name: String) {
        #expect(RuntimeName.tell(annotations: annotations, cgroupsPath: cgroupsPath, bundle: bundle) == name)
    }
}
