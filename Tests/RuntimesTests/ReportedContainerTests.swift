// SPDX-License-Identifier: Apache-2.0
import Containers
import Models
import Testing

@testable import Runtimes

/// When a record is believed, and which cgroup it is then.
@Suite struct ReportedContainerTests {
    private let kernel: FakeProcfs

    init() throws { kernel = try FakeProcfs() }

    private static let id = String(repeating: "0123456789abcdef", count: 4)

    private func cgroup(
        of claimed: String, id: String = "web", start: UInt64? = 1000, pid: UInt32? = 7
    ) throws -> String? {
        let report = ReportedContainer(
            identity: try ContainerIdentity(id: id, cgroupsPath: claimed), initProcess: pid, initStart: start)
        return report.cgroupPath(procfs: kernel.procfs, hierarchy: kernel.hierarchy)
    }

    @Test func aTrueRecordHasTheCgroupThatItNames() throws {
        try kernel.add(7, cgroup: "/demo/web")
        #expect(try cgroup(of: "/demo/web") == "/demo/web")
        #expect(try cgroup(of: "/demo/web", start: nil) == "/demo/web")
    }

    @Test func anInitThatIsDeeperBelongsToTheDirectoryAboveIt() throws {
        try kernel.add(7, cgroup: "/demo/web/container")
        #expect(try cgroup(of: "/demo/web") == "/demo/web")
        try kernel.add(7, cgroup: "/machine.slice/libpod-web.scope/init.scope")
        #expect(try cgroup(of: "machine.slice:libpod:web") == "/machine.slice/libpod-web.scope")
    }

    @Test func aRuntimeInAContainerWritesPathsBelowItsOwn() throws {
        try kernel.add(7, cgroup: "/docker/node/kubelet/pod1/web")
        #expect(try cgroup(of: "/kubelet/pod1/web") == "/docker/node/kubelet/pod1/web")
    }

    @Test func theIdInTheCgroupsNameIsEnough() throws {
        try kernel.add(7, cgroup: "/system.slice/docker-\(Self.id).scope/inner")
        #expect(try cgroup(of: "", id: Self.id) == "/system.slice/docker-\(Self.id).scope")
        #expect(try cgroup(of: "/wrong", id: Self.id) == "/system.slice/docker-\(Self.id).scope")
        #expect(try cgroup(of: "", id: "web") == nil)
    }

    @Test func aPidThatSomebodyElseHasNowIsNotBelieved() throws {
        try kernel.add(7, cgroup: "/demo/web", start: 1001)
        #expect(try cgroup(of: "/demo/web") == nil)
        // Where the record does not say when, the cgroup still has to be the one.
        try kernel.add(7, cgroup: "/demo/other")
        #expect(try cgroup(of: "/demo/web", start: nil) == nil)
        #expect(try cgroup(of: "/demo/oth", start: nil) == nil)
    }

    @Test func aProcessThatHasEndedIsNotBelieved() throws {
        #expect(try cgroup(of: "/demo/web") == nil)
        try kernel.add(7, cgroup: "/demo/web", state: "Z")
        #expect(try cgroup(of: "/demo/web") == nil)
        try kernel.add(7, cgroup: "/demo/web (deleted)")
        #expect(try cgroup(of: "/demo/web") == nil)
        #expect(try cgroup(of: "/demo/web", pid: nil) == nil)
    }

    @Test func whatHoldsOthersTooIsNoContainers() throws {
        try kernel.add(7, cgroup: "/")
        #expect(try cgroup(of: "/") == nil)
        try kernel.add(7, cgroup: "/system.slice/containerd.service")
        #expect(try cgroup(of: "/system.slice/containerd.service") == nil)
        #expect(try cgroup(of: "/system.slice") == nil)
    }

    @Test func aSecondRecordFillsInWhatTheFirstDoesNotKnow() throws {
        let first = ReportedContainer(
            identity: try ContainerIdentity(id: "web", name: "app", podName: "shop-1", podNamespace: "shop"),
            initProcess: 7, imageID: "sha256:1")
        let second = ReportedContainer(
            identity: try ContainerIdentity(id: "web", name: "b", bundle: "/b", podName: "x", podUID: "u"),
            initProcess: 7, initStart: 1000, startTime: 5)
        let both = first.completed(by: second)
        #expect(both.identity.name == "app")
        #expect(both.identity.bundle == "/b")
        // A pod is one source's word: half of it does not come from another.
        #expect(both.identity.podUID == "")
        #expect(both.initStart == 1000)
        #expect(both.imageID == "sha256:1")
        #expect(both.startTime == 5)

        let other = ReportedContainer(identity: try ContainerIdentity(id: "db", bundle: "/b"))
        #expect(first.completed(by: other) == first)
        let restarted = ReportedContainer(
            identity: try ContainerIdentity(id: "web"), initProcess: 8, initStart: 2000)
        #expect(first.completed(by: restarted).initStart == nil)
    }

    @Test func aFieldThatIsNotInOrderIsLeftEmptyAndTheContainerKept() throws {
        var draft = ContainerDraft(id: "web", name: "a\nb", image: String(repeating: "x", count: 5000), bundle: "b")
        draft.cgroupsPath = "../up"
        draft.podName = "shop-1"
        draft.imageID = "sha256:1\n"
        draft.startTime = -1
        let report = try #require(draft.checked())
        #expect(report.identity == (try ContainerIdentity(id: "web", podName: "shop-1")))
        #expect(report.imageID == "")
        #expect(report.startTime == 0)
        draft.id = "../web"
        #expect(draft.checked() == nil)
    }

    @Test func timesAreReadToTheNanosecond() {
        #expect(ContainerDraft.nanoseconds("1970-01-01T00:00:01.000000002Z") == 1_000_000_002)
        #expect(ContainerDraft.nanoseconds("2026-11-25T22:23:08.5+01:00") == 1_795_641_788_500_000_000)
        for wrong in [nil, "", "yesterday", "9999-12-31T23:59:59Z", "2026-11-25T22:23:08Z\"", "2026-13-45T00:00:00Z"] {
            #expect(ContainerDraft.nanoseconds(wrong) == 0)
        }
    }
}
