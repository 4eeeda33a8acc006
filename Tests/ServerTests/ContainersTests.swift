// SPDX-License-Identifier: Apache-2.0
import Containers
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Models
import SwiftProtobuf
import Testing
import TetragonAPI

@Suite struct ContainersServiceTests {
    private func list(_ path: String) async throws -> [Apus_V1_KnownContainer] {
        try await RunningServer.withConnection(.unixDomainSocket(path: path)) { client in
            try await Apus_V1_Node.Client(wrapping: client).listContainers(.init()).containers
        }
    }

    @Test func `each container is told with what is known of it`() async throws {
        var registry = ContainerRegistry(host: NamespaceKey(mount: 1, pid: 1))
        let web = Container(
            identity: try ContainerIdentity(
                id: "c0ffee", name: "web", image: "busybox:1", runtime: "containerd", bundle: "/b", podName: "shop",
                podNamespace: "prod", podUID: "u"), source: .hook, cgroup: 7, cgroupPath: "/pods/c0ffee",
            initProcess: 4711)
        try registry.register(web, namespaces: nil)
        registry.start(web)
        try registry.register(
            Container(identity: try ContainerIdentity(id: "beef"), source: .cgroup, cgroup: 6), namespaces: nil)
        registry.apply(
            .applied(
                Pod(
                    name: "shop", namespace: "prod", uids: ["u"], labels: ["app": "shop"], workload: "shop",
                    workloadKind: "Deployment",
                    containers: [PodContainer(name: "web", imageID: "sha256:1", startTime: 5_000_000_007)])))
        try await RunningServer.with(registry: registry) { server in
            let told = try await list(server.mainPath)
            #expect(told.map(\.container.id) == ["beef", "c0ffee"])
            #expect(!told[0].hasPod && told[0].identity.source == "cgroup" && told[0].initPid == 0)
            let web = told[1]
            #expect(web.container.name == "web" && web.container.image == "busybox:1" && web.container.bundle == "/b")
            #expect(web.identity.source == "hook" && web.started && web.initPid == 4711)
            #expect(web.cgroupID == 7 && web.cgroupPath == "/pods/c0ffee")
            #expect(web.pod.namespace == "prod" && web.pod.name == "shop" && web.pod.uid == "u")
            #expect(web.pod.podLabels == ["app": "shop"] && web.pod.workloadKind == "Deployment")
            #expect(web.pod.container.id == "containerd://c0ffee" && web.pod.container.image.id == "sha256:1")
            #expect(web.pod.container.startTime.seconds == 5 && web.pod.container.startTime.nanos == 7)
        }
    }

    @Test func `the hook's socket tells nobody`() async throws {
        try await RunningServer.with { server in
            let error = await #expect(throws: RPCError.self) { _ = try await list(server.hookPath) }
            #expect(error?.code == .unimplemented)
        }
    }
}
