// SPDX-License-Identifier: Apache-2.0
import Containers
import Foundation
import Models
import Runtimes
import Testing

/// The state directories of runc and crun: real containers, and records as a stranger might leave them.
@Suite struct StateDirectoryTests {
    private static let pod = [
        "io.kubernetes.cri.sandbox-name": "shop-1", "io.kubernetes.cri.sandbox-namespace": "shop",
        "io.kubernetes.cri.sandbox-uid": "u-1", "io.kubernetes.cri.container-name": "app",
        "io.kubernetes.cri.image-name": "docker.io/library/busybox:1",
    ]

    private func source(_ runtime: RuntimeContainer.Runtime, _ root: String) -> any ContainerSource {
        switch runtime {
        case .runc: RuncSource(roots: [root])
        case .crun: CrunSource(roots: [root])
        }
    }

    @Test(arguments: RuntimeContainer.Runtime.allCases)
    func aRunningContainerIsToldWithEveryField(runtime: RuntimeContainer.Runtime) async throws {
        let before = Int64(Date().timeIntervalSince1970 * 1e9)
        try await RuntimeContainer.with(runtime, Self.pod) { container in
            let source = source(runtime, container.root)
            let reports = try await source.containers()
            let report = try #require(reports.first)
            #expect(reports.count == 1)
            #expect(
                report.identity
                    == (try ContainerIdentity(
                        id: container.id, name: "app", image: "docker.io/library/busybox:1", runtime: "containerd",
                        bundle: container.bundle, rootDir: container.bundle + "/rootfs",
                        cgroupsPath: "/\(container.id)", podName: "shop-1", podNamespace: "shop", podUID: "u-1")))
            #expect(report.initProcess == container.pid)
            #expect(report.initStart == Procfs().startTime(of: try #require(container.pid)))
            #expect((before...before + 60_000_000_000).contains(report.startTime))

            #expect(try await source.container(#require(ContainerID(container.id))) == report)
            #expect(try await source.container(#require(ContainerID("another"))) == nil)

            let hierarchy = try CgroupHierarchy.detect(procfs: Procfs())
            #expect(report.cgroupPath(procfs: Procfs(), hierarchy: hierarchy) == "/\(container.id)")
        }
    }

    @Test(arguments: RuntimeContainer.Runtime.allCases)
    func oneThatIsOnlyCreatedIsToldAndOneThatHasEndedIsNot(runtime: RuntimeContainer.Runtime) async throws {
        try await RuntimeContainer.with(runtime, command: "create") { container in
            let source = source(runtime, container.root)
            #expect(try await source.containers().map(\.initProcess) == [container.pid])
            #expect(try await source.containers().first?.identity.hasPod == false)

            try await container.run("start", container.id)
            #expect(try await source.containers().map(\.initProcess) == [container.pid])

            try await container.run("kill", container.id, "KILL")
            let pid = try #require(container.pid)
            let deadline = ContinuousClock.now + .seconds(20)
            while Procfs().startTime(of: pid) != nil, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(5))
            }
            // The record is still there.
            #expect(FileManager.default.fileExists(atPath: "\(container.root)/\(container.id)"))
            #expect(try await source.containers() == [])
            #expect(try await source.container(#require(ContainerID(container.id))) == nil)
        }
    }

    @Test func aLineBreakInAnAnnotationHidesNoContainer() async throws {
        let hostile = [
            "io.kubernetes.cri.image-name": "a\nb", "io.kubernetes.cri.container-name": "c=d", "bundle": "/x",
        ]
        try await RuntimeContainer.with(.runc, hostile) { container in
            let identity = try #require(try await RuncSource(roots: [container.root]).containers().first?.identity)
            #expect(identity.image == "")
            #expect(identity.name == "c=d")
            #expect(identity.bundle == container.bundle)
        }
    }

    @Test func crunsContainerWithoutItsConfigurationHasNoNames() async throws {
        try await RuntimeContainer.with(.crun, Self.pod) { container in
            let copy = "\(container.root)/\(container.id)/config.json"
            try FileManager.default.moveItem(atPath: copy, toPath: copy + ".away")
            // crun itself cannot remove the container without it.
            defer { try? FileManager.default.moveItem(atPath: copy + ".away", toPath: copy) }
            let report = try #require(try await CrunSource(roots: [container.root]).containers().first)
            #expect(report.initProcess == container.pid)
            #expect(report.identity.podName == "")
            #expect(report.identity.rootDir == container.bundle + "/rootfs")
        }
    }
}

/// Records written by the test: of this very process, which runs.
@Suite struct StrangeRecordTests {
    private let scratch: Scratch
    private let pid = UInt32(getpid())
    private let start: UInt64

    init() throws {
        scratch = try Scratch()
        start = try #require(Procfs().startTime(of: UInt32(getpid())))
    }

    private func state(_ id: String, pid: UInt32? = nil, start: UInt64? = nil, more: String = "") -> String {
        #"{"id": "\#(id)", "init_process_pid": \#(pid ?? self.pid), "init_process_start": \#(start ?? self.start)\#(more)}"#
    }

    private func told() async throws -> [String] {
        try await RuncSource(roots: [scratch("runc")]).containers().map(\.identity.id.text)
    }

    @Test func ofGoodAndBadRecordsTheGoodOnesAreTold() async throws {
        try scratch.write("runc/good/state.json", state("good"))
        try scratch.write("runc/half/state.json", String(state("half").dropLast(5)))
        try scratch.write("runc/empty/state.json", "")
        try scratch.write("runc/list/state.json", "[]")
        try scratch.write("runc/renamed/state.json", state("good"))
        try scratch.write("runc/reused/state.json", state("reused", start: start + 1))
        try scratch.write("runc/gone/state.json", state("gone", pid: 0))
        try scratch.write("runc/a\nb/state.json", state(#"a\nb"#))
        try scratch.write("runc/-option/state.json", state("-option"))
        try scratch.write("runc/file", state("file"))
        try scratch.directory("runc/none")
        try scratch.directory("runc/directory/state.json")
        #expect(try await told() == ["good"])
    }

    @Test func recordsOutsideAreNotFollowed() async throws {
        try scratch.write("outside/state.json", state("linked"))
        try scratch.write("runc/file/file", "")
        try FileManager.default.createSymbolicLink(
            atPath: scratch("runc/linked"), withDestinationPath: scratch("outside"))
        try FileManager.default.createSymbolicLink(
            atPath: scratch("runc/file/state.json"), withDestinationPath: scratch("outside/state.json"))
        #expect(try await told() == [])
        // The same directory in its place is.
        try scratch.write("runc/moved/state.json", state("moved"))
        #expect(try await told() == ["moved"])
    }

    @Test func aRecordThatIsTooLongOrNoFileHoldsNobodyUp() async throws {
        let long = String(repeating: " ", count: 4 << 20)
        try scratch.write("runc/long/state.json", state("long") + long)
        try scratch.directory("runc/pipe")
        #expect(mkfifo(scratch("runc/pipe/state.json"), 0o600) == 0)
        let started = ContinuousClock.now
        #expect(try await told() == [])
        #expect(ContinuousClock.now - started < .seconds(5))
        try scratch.write("runc/long/state.json", state("long") + long.dropLast(4096))
        #expect(try await told() == ["long"])
    }

    @Test func aRecordThatIsBeingWrittenIsLookedAtAgain() async throws {
        // Whoever was told after a pause has looked twice. On a busy machine the record may be whole too early or late.
        for _ in 0..<100 {
            try scratch.write("runc/web/state.json", "{")
            try scratch.write("runc/web/new", state("web"))
            let started = ContinuousClock.now
            async let told = told()
            try await Task.sleep(for: .milliseconds(5))
            rename(scratch("runc/web/new"), scratch("runc/web/state.json"))
            if try await told == ["web"], ContinuousClock.now - started >= .milliseconds(20) { return }
        }
        Issue.record("a record that was half-written at first was never told")
    }

    @Test func aStarStandsForEveryDirectory() async throws {
        try scratch.write("shim/k8s.io/web/state.json", state("web"))
        try scratch.write("shim/moby/db/state.json", state("db"))
        let source = RuncSource(roots: [scratch("nowhere"), scratch("shim/*"), scratch("nowhere/*")])
        #expect(Set(try await source.containers().map(\.identity.id.text)) == ["web", "db"])
        #expect(try await source.container(#require(ContainerID("db")))?.initProcess == pid)
        #expect(try await RuncSource(roots: [scratch("shim")]).containers() == [])
    }

    @Test(arguments: [
        (#"{"": "/sys/fs/cgroup/unified/a/b"}"#, "/a/b"),
        (#"{"": "/sys/fs/cgroup/a.slice/b.scope", "pids": "/sys/fs/cgroup/pids/x"}"#, "/a.slice/b.scope"),
        (#"{"cpu": "/sys/fs/cgroup/cpu/a", "pids": "/sys/fs/cgroup/pids/a"}"#, "/a"),
        (#"{"memory": "/sys/fs/cgroup/memory/a"}"#, "/a"),
        (#"{"": "/elsewhere/a"}"#, nil),
        (#"{"": "/sys/fs/cgroup/a/../b"}"#, nil),
        (#"[]"#, nil),
    ])
    func runcsCgroupIsReadInEveryHierarchy(paths: String, cgroup: String?) async throws {
        try scratch.write("runc/web/state.json", state("web", more: #", "cgroup_paths": \#(paths)"#))
        let report = try #require(try await RuncSource(roots: [scratch("runc")]).containers().first)
        #expect(report.identity.cgroupsPath?.path == cgroup)
    }

    @Test func tooManyEntriesAreAnError() async throws {
        try scratch.directory("runc")
        for number in 0...16384 { close(creat(scratch("runc/c\(number)"), 0o600)) }
        let error = await #expect(throws: SourceError.self) { try await told() }
        #expect(error?.description.contains("more than 16384 entries") == true)
    }
}
