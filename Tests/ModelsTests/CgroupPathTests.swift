// SPDX-License-Identifier: Apache-2.0
import Models
import Testing

struct CgroupPathTests {
    @Test(
        "A cgroupsPath of either driver becomes an absolute path",
        arguments: [
            ("/kubepods/burstable/pod1/abc", "/kubepods/burstable/pod1/abc"),
            ("/docker/abc", "/docker/abc"),
            ("/a:b:c/d", "/a:b:c/d"),
            ("system.slice:docker:abc", "/system.slice/docker-abc.scope"),
            (
                "kubepods-burstable-pod1.slice:cri-containerd:abc",
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-abc.scope"
            ),
            ("-.slice:crio:abc", "/crio-abc.scope"),
            (":docker:abc", "/system.slice/docker-abc.scope"),
            ("machine.slice:libpod:inner.slice", "/machine.slice/inner.slice"),
        ])
    func understands(cgroupsPath: String, path: String) throws {
        #expect(try CgroupPath(cgroupsPath: cgroupsPath).path == path)
    }

    @Test(
        "What names no cgroup is refused, with the reason",
        arguments: [
            ("", CgroupPathError.empty),
            ("kubepods/pod1", .relative),
            ("/kubepods/../../etc", .parentReference),
            ("..", .parentReference),
            ("/a\u{0}b", .nulByte),
            ("abc", .unknownForm),
            ("a:b", .unknownForm),
            ("a.slice:b:c:d", .unknownForm),
            ("a:b:c", .notASlice),
            (".slice:b:c", .notASlice),
            ("a--b.slice:p:n", .emptyComponent),
            ("a.slice:p:", .emptyComponent),
            ("/" + String(repeating: "a", count: 4096), .tooLong),
        ])
    func refuses(cgroupsPath: String, reason: CgroupPathError) {
        #expect(throws: reason) { try CgroupPath(cgroupsPath: cgroupsPath) }
    }

    @Test("A slice whose expansion outgrows the bound is refused")
    func refusesExplodingSlice() {
        let slice = Array(repeating: "a", count: 100).joined(separator: "-") + ".slice"
        #expect(throws: CgroupPathError.tooLong) { try CgroupPath(cgroupsPath: "\(slice):p:n") }
    }

    @Test("Names with two dots in them are no parent references")
    func acceptsDots() throws {
        #expect(try CgroupPath(cgroupsPath: "/a..b/..c").path == "/a..b/..c")
    }
}
