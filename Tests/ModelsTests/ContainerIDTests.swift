// SPDX-License-Identifier: Apache-2.0
import Models
import Testing

private let id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
private let other = String(repeating: "f", count: 64)

struct ContainerIDTests {
    @Test("Names that runtimes accept", arguments: [id, "demo", "a", "A_b.c+d-e", String(repeating: "x", count: 1024)])
    func accepts(text: String) {
        #expect(ContainerID(text)?.text == text)
    }

    @Test(
        "Names that could mean something else",
        arguments: ["", "-a", ".", "..", "a/b", "a b", "a\n", "é", "a\u{0}", String(repeating: "x", count: 1025)])
    func refuses(text: String) {
        #expect(ContainerID(text) == nil)
    }

    @Test(
        "Engines name a container's cgroup after it",
        arguments: [
            ("/kubepods.slice/kubepods-pod1.slice/cri-containerd-\(id).scope", "containerd"),
            ("/kubepods.slice/kubepods-pod1.slice/crio-\(id).scope", "cri-o"),
            ("/kubepods/burstable/pod1/\(id)", ""),
            ("/kubepods/burstable/pod1/crio-\(id)", "cri-o"),
            ("/system.slice/docker-\(id).scope", "docker"),
            ("/docker/\(id)", "docker"),
            ("/machine.slice/libpod-\(id).scope", "podman"),
            ("/libpod_parent/libpod-\(id)", "podman"),
            ("/system.slice/nerdctl-\(id).scope", "containerd"),
            ("/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:\(id)", "containerd"),
            ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\(id).scope", "podman"),
            ("/x/unheard-of-\(id).scope", ""),
        ])
    func finds(path: String, runtime: String) throws {
        let found = try #require(ContainerID.find(inCgroupPath: path))
        #expect(found.id.text == id)
        #expect(found.runtime == runtime)
        #expect(found.cgroup == path)
    }

    @Test(
        "Cgroups inside a container belong to it, whatever they are called",
        arguments: [
            "container", "init.scope", "kubepods/pod2/\(other)", "docker/\(other)", "cri-containerd-\(other).scope",
        ])
    func findsOutermost(child: String) throws {
        let cgroup = "/machine.slice/libpod-\(id).scope"
        let found = try #require(ContainerID.find(inCgroupPath: cgroup + "/" + child))
        #expect(found.id.text == id)
        #expect(found.cgroup == cgroup)
    }

    @Test(
        "What is no container",
        arguments: [
            "", "/", "/system.slice/sshd.service", "/machine.slice/libpod-conmon-\(id).scope",
            "/kubepods.slice/crio-conmon-\(id).scope", "/docker/\(id.dropLast())", "/docker/x\(id)",
            "/docker/\(id.uppercased())", "/system.slice/run-\(id).mount", "/demo",
        ])
    func findsNothing(path: String) {
        #expect(ContainerID.find(inCgroupPath: path) == nil)
    }
}
