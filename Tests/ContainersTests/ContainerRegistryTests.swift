// SPDX-License-Identifier: Apache-2.0
import Containers
import Models
import Testing

/// Who names a container, and whose word stands.
@Suite struct ContainerRegistryTests {
    private var registry = ContainerRegistry(host: NamespaceKey(mount: 1, pid: 1))
    private let pod = Pod(
        name: "shop", namespace: "prod", uids: ["u"], labels: ["app": "shop"], workload: "shop",
        workloadKind: "Deployment", containers: [PodContainer(name: "web", image: "busybox:1", id: "c0ffee")])

    private func container(
        _ source: Container.Source, id: String = "c0ffee", cgroup: UInt64 = 7, pod: String = "", name: String = "",
        imageID: String = ""
    ) throws -> Container {
        Container(
            identity: try ContainerIdentity(
                id: id, name: name, podName: pod, podNamespace: pod.isEmpty ? "" : "prod",
                podUID: pod.isEmpty ? "" : "u"),
            source: source, cgroup: cgroup, imageID: imageID)
    }

    @Test mutating func `a pod names the container whose id it knows, whoever comes first`() throws {
        registry.apply(.applied(pod))
        try registry.register(container(.cgroup), namespaces: nil)
        var known = try #require(registry.known.first)
        #expect(known.source == .pod && known.identity.podName == "shop" && known.identity.name == "web")
        #expect(known.pod?.labels == ["app": "shop"])
        // A runtime that knows no more does not take the names away.
        _ = registry.learn(try container(.runtime, imageID: "sha256:1"))
        known = try #require(registry.known.first)
        #expect(known.identity.podName == "shop" && known.identity.name == "web")
        // Another container is not named.
        try registry.register(container(.cgroup, id: "beef", cgroup: 8), namespaces: nil)
        #expect(registry.known.last?.identity.hasPod == false)
    }

    @Test mutating func `a runtime's word names what was guessed, and a hook's word stands against it`() throws {
        try registry.register(container(.cgroup), namespaces: nil)
        _ = registry.learn(try container(.runtime, pod: "shop", name: "web"))
        #expect(registry.known.first?.identity.podName == "shop" && registry.known.first?.source == .runtime)

        try registry.register(container(.hook, id: "beef", cgroup: 8, pod: "told", name: "web"), namespaces: nil)
        guard
            case .contradiction(let told) = registry.learn(try container(.runtime, id: "beef", cgroup: 8, pod: "true"))
        else {
            Issue.record("nothing was said")
            return
        }
        #expect(told.podName == "told" && registry.known.last?.identity.podName == "told")
        // Said once.
        guard case .none = registry.learn(try container(.runtime, id: "beef", cgroup: 8, pod: "true")) else {
            Issue.record("said again")
            return
        }
    }

    @Test mutating func `a container that a hook told of is kept for the next agent until it goes, whoever names it`()
        throws
    {
        try registry.register(container(.hook), namespaces: nil)
        registry.apply(.applied(pod))
        #expect(registry.known.first?.source == .pod)
        #expect(throws: RegistrationError.self) {
            try registry.register(
                Container(identity: try ContainerIdentity(id: "evil"), source: .hook, cgroup: 7), namespaces: nil)
        }
        registry.cgroupRemoved(id: 7)
        let gone = registry.takeGone()
        #expect(gone == [7] && registry.known.isEmpty)
    }

    @Test mutating func `of two pods of one name the uid tells, and without a source there is none`() throws {
        registry.apply(.applied(pod), from: "api")
        var other = pod
        other.uids = ["another"]
        registry.apply(.applied(other), from: "manifests")
        try registry.register(container(.hook, pod: "shop", name: "web"), namespaces: nil)
        #expect(registry.known.first?.pod?.uids == ["u"])
        registry.apply(.all([]), from: "api")
        #expect(registry.known.first?.pod == nil)
        #expect(registry.known.first?.identity.podName == "shop")
    }
}
