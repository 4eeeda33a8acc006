// SPDX-License-Identifier: Apache-2.0
import Containers
import Glibc
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

    private static let fields = ["id", "name", "podName", "podNamespace", "podUID"]

    /// - Parameter other: the field that is another than usual.
    private func identity(_ other: String = "") throws -> ContainerIdentity {
        func of(_ field: String) -> String { field == other ? "other" : field }
        return try ContainerIdentity(
            id: of("id"), name: of("name"), podName: of("podName"), podNamespace: of("podNamespace"),
            podUID: of("podUID"))
    }

    @Test(arguments: fields + ["init"])
    mutating func `a cgroup that a hook told of cannot be told of otherwise in any part`(part: String) throws {
        func told(_ part: String = "") throws -> Container {
            Container(
                identity: try identity(part), source: .hook, cgroup: 7, initProcess: part == "init" ? 21 : 20)
        }
        try registry.register(told(), namespaces: nil)
        let other = try told(part)
        let error = #expect(throws: RegistrationError.self) { try registry.register(other, namespaces: nil) }
        #expect(error?.code == .denied)
        #expect(registry.known.map(\.identity) == [try identity()] && registry.known.first?.initProcess == 20)
        try registry.register(told(), namespaces: nil)
    }

    @Test(arguments: fields)
    mutating func `a runtime that says otherwise in any part is heard, and the hook's word stands`(field: String) throws
    {
        try registry.register(Container(identity: identity(), source: .hook, cgroup: 7), namespaces: nil)
        guard case .none = registry.learn(Container(identity: try identity(), source: .runtime, cgroup: 7)) else {
            Issue.record("the same is no contradiction")
            return
        }
        let other = Container(identity: try identity(field), source: .runtime, cgroup: 7)
        guard case .contradiction = registry.learn(other) else {
            Issue.record("nothing was said")
            return
        }
        #expect(registry.known.map(\.identity) == [try identity()])
    }

    @Test mutating func `a runtime's pod is not given to another container that a hook told of`() throws {
        try registry.register(container(.hook), namespaces: nil)
        guard case .contradiction = registry.learn(try container(.runtime, id: "beef", pod: "shop", name: "web")) else {
            Issue.record("nothing was said")
            return
        }
        #expect(registry.known.first?.identity.id.text == "c0ffee" && registry.known.first?.identity.hasPod == false)
    }

    /// A name with another's id would make the whole agent wait.
    @Test mutating func `nobody is waited for inside a container, whatever is made there`() throws {
        registry.cgroupCreated(id: 7, parent: 1)
        try registry.register(container(.hook), namespaces: nil)
        registry.cgroupCreated(id: 8, parent: 7, name: String(repeating: "ab", count: 32), byRuntime: true)
        #expect(!registry.isAwaiting && !registry.isContainerToBe(8))
    }

    @Test mutating func `a number that is given again is free for another`() throws {
        let first = try container(.hook)
        try registry.register(first, namespaces: nil)
        registry.start(first)
        registry.cgroupRemoved(id: 7)
        try registry.register(container(.hook, id: "beef"), namespaces: nil)
        #expect(registry.known.map(\.identity.id.text) == ["beef"])
    }

    @Test(arguments: [NamespaceKey(mount: 1, pid: 9), NamespaceKey(mount: 9, pid: 1)])
    mutating func `namespaces of which one is the host's name nobody`(namespaces: NamespaceKey) throws {
        try registry.register(container(.hook), namespaces: namespaces)
        #expect(registry.container(cgroup: 1, namespaces: namespaces) == nil)
    }

    @Test mutating func `what cannot be looked at is not gone`() throws {
        try registry.register(container(.hook), namespaces: nil)
        registry.reconcile(CgroupHierarchy(root: "/nonexistent", controller: nil, number: 0))
        #expect(registry.known.count == 1)
    }

    /// In a container the names are its own business.
    @Test mutating func `of directories named after containers the outermost is one`() throws {
        let hierarchy = try CgroupHierarchy.detect(procfs: Procfs())
        let (outer, inner) = (String(repeating: "a1", count: 32), String(repeating: "b2", count: 32))
        var made = ["\(hierarchy.root)/apus-registry-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"]
        defer { for path in made.reversed() { rmdir(path) } }
        for name in [outer, inner] { made.append(made[made.count - 1] + "/" + name) }
        for path in made { try #require(mkdir(path, 0o755) == 0) }
        let paths = registry.discover(hierarchy)
        let own = paths.filter { (hierarchy.root + $0.value).hasPrefix(made[0]) }
        #expect(own.count == 3)
        #expect(own.keys.compactMap { registry.containers[$0]?.identity.id.text } == [outer])
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
