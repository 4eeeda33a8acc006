// SPDX-License-Identifier: Apache-2.0
import CRIAPI
import Containers
import Foundation
import Models
import Runtimes
import SwiftProtobuf
import Testing

/// A real containerd with real pods.
@Suite struct ContainerdTests {
    @Test func podsAreToldWithEveryField() async throws {
        let before = Int64(Date().timeIntervalSince1970 * 1e9)
        try await Containerd.with { containerd in
            let labels = [
                "io.kubernetes.pod.name": "shop-1", "io.kubernetes.pod.namespace": "shop",
                "io.kubernetes.pod.uid": "u-1", "io.kubernetes.container.name": "app",
            ]
            let metadata = Runtime_V1_PodSandboxMetadata.with {
                ($0.name, $0.namespace, $0.uid) = ("shop-1", "shop", "u-1")
            }
            let pod = try await containerd.runPod(metadata, labels: labels)
            let bare = try await containerd.runPod(
                .with { ($0.name, $0.namespace, $0.uid) = ("bare", "default", "u-2") })

            let source = try CRISource(endpoint: "unix://\(containerd.socket)")
            let reports = try await source.containers()
            #expect(
                Set(reports.map(\.identity.id.text)) == [pod.sandbox, pod.container, bare.sandbox, bare.container])

            let app = try #require(reports.first { $0.identity.id.text == pod.container })
            #expect(
                app.identity
                    == (try ContainerIdentity(
                        id: pod.container, name: "app", image: Containerd.image, runtime: "containerd",
                        cgroupsPath: "/\(containerd.cgroup)/u-1/\(pod.container)", podName: "shop-1",
                        podNamespace: "shop", podUID: "u-1")))
            #expect(app.imageID.hasPrefix("sha256:") && app.imageID.utf8.count == 71)
            #expect((before...before + 120_000_000_000).contains(app.startTime))

            let sandbox = try #require(reports.first { $0.identity.id.text == pod.sandbox })
            #expect(sandbox.identity.name == "")
            #expect(sandbox.identity.podUID == "u-1")
            #expect(sandbox.identity.image == Containerd.image)
            #expect((before...app.startTime).contains(sandbox.startTime))

            // Without the kubelet's labels the pod's own metadata tells.
            let bareApp = try #require(reports.first { $0.identity.id.text == bare.container })
            #expect(bareApp.identity.podName == "bare")
            #expect(bareApp.identity.podNamespace == "default")
            #expect(bareApp.identity.podUID == "u-2")

            let hierarchy = try CgroupHierarchy.detect(procfs: Procfs())
            for report in reports {
                let path = report.cgroupPath(procfs: Procfs(), hierarchy: hierarchy)
                #expect(path == "/\(containerd.cgroup)/\(report.identity.podUID)/\(report.identity.id.text)")
                #expect(try await source.container(report.identity.id) == report)
            }
            #expect(try await source.container(#require(ContainerID("nobody"))) == nil)

            try await checkSurvey(containerd, pod, hierarchy)
            try await checkAbsence(containerd, pod, source)
        }
    }

    /// runc's records of the same containers know what the CRI does not tell.
    private func checkSurvey(
        _ containerd: Containerd, _ pod: Containerd.Pod, _ hierarchy: CgroupHierarchy
    ) async throws {
        let sources: [any ContainerSource] = [
            try CRISource(endpoint: containerd.socket), RuncSource(roots: [containerd.runcRoot + "/*"]),
            try CRISource(endpoint: "/nowhere/cri.sock"),
        ]
        let survey = await Survey.take(sources, procfs: Procfs(), hierarchy: hierarchy)
        #expect(survey.containers.count == 4)
        #expect(survey.failures.count == 1)
        let app = try #require(survey.containers.first { $0.container.identity.id.text == pod.container })
        #expect(app.cgroupPath == "/\(containerd.cgroup)/u-1/\(pod.container)")
        #expect(app.container.identity.bundle == containerd.bundle(pod.container))
        #expect(app.container.identity.rootDir == containerd.bundle(pod.container) + "/rootfs")
        #expect(app.container.identity.runtime == "containerd")
        #expect(app.container.imageID.hasPrefix("sha256:"))
        #expect(app.container.initStart == Procfs().startTime(of: try #require(app.container.initProcess)))
    }

    private func checkAbsence(_ containerd: Containerd, _ pod: Containerd.Pod, _ source: CRISource) async throws {
        try await containerd.withClient { client in
            _ = try await client.stopContainer(.with { $0.containerID = pod.container })
        }
        // It is there still, but has ended.
        let all = try await containerd.withClient { try await $0.listContainers(.init()).containers.map(\.id) }
        #expect(all.contains(pod.container))
        #expect(try await source.containers().count == 3)
        #expect(try await source.container(#require(ContainerID(pod.container))) == nil)
    }
}

/// Servers that are not what one hopes for.
@Suite struct CRISourceTests {
    private static func container(_ id: String, image: String = "") -> Runtime_V1_Container {
        .with { ($0.id, $0.podSandboxID, $0.metadata.name, $0.image.image) = (id, "pod", "app", image) }
    }

    private static func status(_ info: String? = nil) -> Runtime_V1_ContainerStatusResponse {
        .with {
            ($0.status.state, $0.status.startedAt, $0.status.imageRef) = (.containerRunning, 5, "repo/a@sha256:1")
            if let info { $0.info["info"] = info }
        }
    }

    private func failure(_ endpoint: String, timeLimit: Duration = .seconds(5)) async throws -> String {
        let source = try CRISource(endpoint: endpoint, timeLimit: timeLimit)
        let error = await #expect(throws: SourceError.self) { try await source.containers() }
        return error?.description ?? ""
    }

    @Test func whatCRIOSaysIsUnderstood() async throws {
        var server = FakeRuntime(containers: [Self.container("web")])
        server.statuses["web"] = Self.status(
            #"{"sandboxID": "pod", "pid": 42, "runtimeSpec": {"root": {"path": "/var/x/merged"}, "linux": "#
                + #"{"cgroupsPath": "kubepods-pod1.slice:crio:web"}}, "privileged": false}"#)
        server.sandboxes = [.with { ($0.id, $0.metadata.name, $0.metadata.namespace) = ("pod", "shop-1", "shop") }]
        let reports = try await server.serving { try await CRISource(endpoint: $0).containers() }
        #expect(
            reports == [
                ReportedContainer(
                    identity: try ContainerIdentity(
                        id: "web", name: "app", runtime: "cri-o", rootDir: "/var/x/merged",
                        cgroupsPath: "kubepods-pod1.slice:crio:web", podName: "shop-1", podNamespace: "shop"),
                    initProcess: 42, imageID: "repo/a@sha256:1", startTime: 5)
            ])
    }

    @Test func aRuntimeThatTellsNoPidTellsNamesAllTheSame() async throws {
        var server = FakeRuntime(name: "docker", containers: [Self.container("web", image: "busybox")])
        server.statuses["web"] = Self.status()
        let reports = try await server.serving { try await CRISource(endpoint: $0).containers() }
        #expect(reports.map(\.initProcess) == [nil])
        #expect(reports.first?.identity.runtime == "docker")
        #expect(reports.first?.identity.image == "busybox")
    }

    @Test func goneAndHostileContainersAreLeftOut() async throws {
        var server = FakeRuntime(containers: ["gone", "../up", "a\nb", "", "ended", "web"].map { Self.container($0) })
        for id in ["../up", "a\nb", "", "ended"] { server.statuses[id] = Self.status(#"{"pid": 1}"#) }
        server.statuses["ended"]?.status.state = .containerExited
        server.statuses["web"] = Self.status("no json")
        server.sandboxes = [.with { $0.id = "pod" }]
        let reports = try await server.serving { try await CRISource(endpoint: $0).containers() }
        #expect(reports.map(\.identity.id.text) == ["web"])
        #expect(reports.first?.initProcess == nil)
    }

    @Test(arguments: [#"{"pid": 0}"#, #"{"pid": -1}"#, #"{"pid": 99999999999}"#, #"{"pid": "7"}"#, "[]", "{", ""])
    func aPidThatIsNoneIsNotTold(info: String) async throws {
        var server = FakeRuntime(containers: [Self.container("web")], statuses: ["web": Self.status(info)])
        #expect(try await server.serving { try await CRISource(endpoint: $0).containers() }.map(\.initProcess) == [nil])
        server.statuses["web"] = Self.status(#"{"pid": 7}"#)
        #expect(try await server.serving { try await CRISource(endpoint: $0).containers() }.map(\.initProcess) == [7])
    }

    @Test func aThousandContainersAreOneAnswer() async throws {
        var server = FakeRuntime(containers: (0..<1000).map { Self.container("c\($0)") })
        for container in server.containers { server.statuses[container.id] = Self.status(#"{"pid": 7}"#) }
        let reports = try await server.serving {
            try await CRISource(endpoint: $0, timeLimit: .seconds(60)).containers()
        }
        #expect(Set(reports.map(\.identity.id.text)).count == 1000)
    }

    @Test func anAnswerOfAHundredMegabytesIsRefused() async throws {
        let long = String(repeating: "x", count: 100 << 20)
        let list = FakeRuntime(containers: [Self.container("web", image: long)])
        let listMessage = try await list.serving { try await failure($0) }
        #expect(listMessage.contains("longer than the agent takes"), "\(listMessage)")

        var status = FakeRuntime(containers: [Self.container("web")])
        status.statuses["web"] = Self.status(long)
        let statusMessage = try await status.serving { try await failure($0) }
        #expect(statusMessage.contains("longer than the agent takes"), "\(statusMessage)")
    }

    @Test func aServerThatHangsCostsTheTimeLimit() async throws {
        let server = FakeRuntime(hangs: true)
        let started = ContinuousClock.now
        let message = try await server.serving { try await failure($0, timeLimit: .milliseconds(300)) }
        #expect(message.contains("has not answered within 0.3 seconds"))
        #expect(ContinuousClock.now - started < .seconds(10))
    }

    @Test func aSocketThatSaysNothingCostsTheTimeLimit() async throws {
        let scratch = try Scratch()
        let listener = try SilentListener(scratch("cri.sock"))
        defer { listener.close() }
        let started = ContinuousClock.now
        #expect(try await failure(scratch("cri.sock"), timeLimit: .milliseconds(300)).contains("has not answered"))
        #expect(ContinuousClock.now - started < .seconds(10))
    }

    @Test func whereNobodyListensThatIsSaid() async throws {
        let scratch = try Scratch()
        #expect(try await failure(scratch("cri.sock")).contains("Does the runtime run?"))
        try scratch.write("cri.sock", "")
        #expect(try await failure(scratch("cri.sock")).contains("Does the runtime run?"))
    }

    @Test func aServerWithoutTheCRIIsSaidToBeOne() async throws {
        #expect(try await SomethingElse().serving { try await failure($0) }.contains("does not speak the CRI"))
    }

    @Test func endpointsAreCheckedWhenTheyAreGiven() throws {
        #expect(try CRISource(endpoint: "unix:///run/a.sock").endpoint == "/run/a.sock")
        #expect(try CRISource(endpoint: "/run/a.sock").endpoint == "/run/a.sock")
        for wrong in ["", "run/a.sock", "tcp://h:1", "h:1", "unix://a", "/" + String(repeating: "a", count: 107)] {
            #expect(throws: SourceError.self) { try CRISource(endpoint: wrong) }
        }
    }

    @Test func socketsAreFoundAndOtherFilesAreNot() throws {
        let scratch = try Scratch()
        try scratch.write("file", "")
        let listener = try SilentListener(scratch("cri.sock"))
        defer { listener.close() }
        let found = CRISource.find([scratch("file"), scratch("cri.sock"), scratch("none")])
        #expect(found.map(\.endpoint) == [scratch("cri.sock")])
    }
}
