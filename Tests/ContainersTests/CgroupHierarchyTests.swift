// SPDX-License-Identifier: Apache-2.0
import Containers
import Testing

@Suite struct CgroupHierarchyTests {
    private static let v2 = CgroupHierarchy(root: "/sys/fs/cgroup", controller: nil, number: 0)
    private static let pids = CgroupHierarchy(root: "/sys/fs/cgroup/pids", controller: "pids", number: 8)

    private static let hybrid = """
        9:name=systemd:/user.slice
        8:cpu,pids:/docker/abc
        7:memory:/other
        0::/unified/abc

        """

    @Test func `each hierarchy has its own line`() {
        #expect(Self.v2.path(inCgroupFile: Self.hybrid) == "/unified/abc")
        #expect(Self.pids.path(inCgroupFile: Self.hybrid) == "/docker/abc")
    }

    @Test(arguments: ["", "0::", "::\n", "8:pids", "8:pidsx:/a\n", "x", "1:name=0::/evil\n"])
    func `a file without its line names nothing`(text: String) {
        #expect(Self.v2.path(inCgroupFile: text) == nil)
        #expect(Self.pids.path(inCgroupFile: text) == nil)
    }

    @Test func `a path may hold colons`() {
        #expect(Self.v2.path(inCgroupFile: "0::/a:b:c\n") == "/a:b:c")
    }

    @Test func `where nothing is mounted the error says what was looked for and what to do`() {
        let error = #expect(throws: CgroupHierarchy.NotFound.self) {
            try CgroupHierarchy.detect(root: "/proc", procfs: Procfs())
        }
        #expect(error?.description.contains("--cgroup-root") == true)
    }

    @Test func `the machine's own hierarchy is found, and its root has an id`() throws {
        let found = try CgroupHierarchy.detect(procfs: Procfs())
        #expect(found.id(ofPath: "/") != nil)
        #expect(found.id(ofPath: "/there-is-no-such-cgroup") == nil)
    }
}
