// SPDX-License-Identifier: Apache-2.0
import Containers
import Foundation
import Models
import Runtimes
import Testing

/// Real containers of Podman, in a storage of the test's, and storage that makes no sense.
@Suite struct PodmanSourceTests {
    @Test func aRunningContainerHasItsNameAndImage() async throws {
        let podman = try Podman()
        try await podman.makeImage()
        let name = uniqueWord("web")
        try await podman.running(name) { id, pid in
            // Podman runs runc without a --root: the machine's own state directory.
            let source = PodmanSource(storage: podman.storage, runtimes: [CrunSource(), RuncSource()])
            let all = try await source.containers().filter { $0.identity.id.text == id }
            let report = try #require(all.first)
            #expect(all.count == 1)
            #expect(report.identity.name == name)
            #expect(report.identity.image == "localhost/apus-test:1")
            #expect(report.identity.runtime == "podman")
            #expect(report.identity.bundle == "\(podman.storage)/overlay-containers/\(id)/userdata")
            #expect(report.identity.rootDir.hasSuffix("/merged"))
            #expect(report.identity.cgroupsPath?.path == "/libpod_parent/libpod-\(id)")
            #expect(!report.identity.hasPod)
            #expect(report.imageID.hasPrefix("sha256:") && report.imageID.utf8.count == 71)
            #expect(report.initProcess == pid)
            #expect(report.startTime > 0)
            #expect(try await source.container(#require(ContainerID(id))) == report)

            let hierarchy = try CgroupHierarchy.detect(procfs: Procfs())
            #expect(
                report.cgroupPath(procfs: Procfs(), hierarchy: hierarchy) == "/libpod_parent/libpod-\(id)")

            try await podman.call("kill", name)
            let deadline = ContinuousClock.now + .seconds(20)
            while Procfs().startTime(of: pid) != nil, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(5))
            }
            // It is in the storage all the same.
            #expect(try await podman.call("ps", "--all", "--format", "{{.Names}}").contains(name))
            #expect(try await source.container(#require(ContainerID(id))) == nil)
        }
    }

    private struct Fixed: ContainerSource {
        let name = "runc"
        let reports: [ReportedContainer]
        func containers() async throws(SourceError) -> [ReportedContainer] { reports }
        func container(_ id: ContainerID) async throws(SourceError) -> ReportedContainer? {
            reports.first { $0.identity.id == id }
        }
    }

    private let runc: Fixed

    init() throws {
        runc = Fixed(reports: [
            ReportedContainer(identity: try ContainerIdentity(id: "web", runtime: "podman"), initProcess: 7),
            ReportedContainer(identity: try ContainerIdentity(id: "other", runtime: "docker"), initProcess: 8),
        ])
    }

    @Test(arguments: [
        "", "[", "{}", "[1, null]", #"[{"id": 5}]"#, #"[{"id": "we", "names": ["a"]}]"#,
        #"[{"id": "web", "names": ["a\nb"], "metadata": "no json", "image": ""}]"#,
        #"[{"id": "../web", "names": ["a"]}]"#,
    ])
    func storageThatMakesNoSenseHidesNoContainer(list: String) async throws {
        let scratch = try Scratch()
        try scratch.write("overlay-containers/containers.json", list)
        let source = PodmanSource(storage: scratch.path, runtimes: [runc])
        #expect(try await source.containers() == [runc.reports[0]])
    }

    @Test func everyStorageDriverIsLookedAt() async throws {
        let scratch = try Scratch()
        let source = PodmanSource(storage: scratch.path, runtimes: [runc])
        #expect(try await source.containers() == [runc.reports[0]])
        try scratch.write(
            "vfs-containers/containers.json", #"[{"id": "web", "names": ["shop"], "image": "abc", "metadata": "{}"}]"#)
        let report = try #require(try await source.containers().first)
        #expect(report.identity.name == "shop")
        #expect(report.imageID == "sha256:abc")
        #expect(try await source.container(#require(ContainerID("web"))) == report)
        #expect(try await source.container(#require(ContainerID("other"))) == nil)
    }
}

/// Podman with a storage of the test's own.
private struct Podman {
    let scratch: Scratch
    var storage: String { scratch("storage") }

    init() throws { scratch = try Scratch() }

    func makeImage() async throws {
        try await makeRootFilesystem(scratch, "rootfs")
        try await Program.run(["tar", "-C", scratch("rootfs"), "-cf", scratch("rootfs.tar"), "."])
        try await call("import", scratch("rootfs.tar"), "localhost/apus-test:1")
    }

    func running(_ name: String, _ body: (_ id: String, _ pid: UInt32) async throws -> Void) async throws {
        // No limits, no network: those need capabilities and programs that a test machine may not have.
        let options = [
            "--network", "none", "--ulimit", "nofile=1000:1000", "--ulimit", "nproc=1000:1000", "--pids-limit=-1",
        ]
        do {
            try await call(
                ["run", "--detach", "--name", name] + options
                    + ["localhost/apus-test:1", "/bin/busybox", "sleep", "600"])
            let words = try await call("inspect", "--format", "{{.Id}} {{.State.Pid}}", name).split(separator: " ")
            guard words.count == 2, let pid = UInt32(words[1].filter(\.isNumber)) else {
                throw Failure("podman inspect says \(words)")
            }
            try await body(String(words[0]), pid)
        } catch {
            try? await remove(name)
            throw error
        }
        try await remove(name)
    }

    private func remove(_ name: String) async throws {
        try await call("rm", "--force", "--time", "0", name)
        await Cgroups.remove("libpod_parent")
    }

    @discardableResult
    func call(_ words: String...) async throws -> String { try await call(words) }

    @discardableResult
    private func call(_ words: [String]) async throws -> String {
        try await Program.run(
            withCgroup2(
                [
                    try Program.find("podman"), "--root", storage, "--runroot", scratch("run"), "--runtime", "runc",
                    "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--log-level", "error",
                ] + words))
    }
}
