// SPDX-License-Identifier: Apache-2.0
import Policies
import PolicyEngine
import Testing

@Suite struct PolicyScopeTests {
    private let web = ScopedContainer(
        namespace: "shop", labels: ["app": "web", "tier": "front"], name: "nginx",
        image: "docker.io/library/nginx:1.27@sha256:abc")
    private let database = ScopedContainer(
        namespace: "data", labels: ["app": "db"], name: "postgres", image: "localhost:5000/postgres")
    /// Of no pod.
    private let lone = ScopedContainer(isInPod: false, name: "nginx", image: "nginx")

    private func scope(_ spec: String, namespace: String? = nil) throws -> PolicyScope {
        var policy = try policy(spec.isEmpty ? "{}" : spec)
        if let namespace { policy.scope = .namespace(namespace) }
        return PolicyScope(policy)
    }

    @Test("without selectors a policy is of everything, and nobody need be asked")
    func everything() throws {
        let scope = try scope("")
        #expect(scope.isEverything && scope.includesHost)
        #expect([web, database, lone].allSatisfy(scope.applies))
    }

    @Test("a policy of a namespace is of its pods")
    func namespaced() throws {
        let scope = try scope("", namespace: "shop")
        #expect(!scope.isEverything && !scope.includesHost)
        #expect(scope.applies(to: web) && !scope.applies(to: database) && !scope.applies(to: lone))
    }

    @Test("a policy of a namespace with labels is of those of its pods that have them")
    func namespacedLabels() throws {
        #expect(try scope("podSelector: {matchLabels: {app: web}}", namespace: "shop").applies(to: web))
        #expect(try !scope("podSelector: {matchLabels: {app: web}}", namespace: "data").applies(to: web))
        #expect(try !scope("podSelector: {matchLabels: {app: db}}", namespace: "shop").applies(to: web))
    }

    @Test("an empty selector is of all pods, not of the host", arguments: ["podSelector: {}", "containerSelector: {}"])
    func allPods(spec: String) throws {
        let scope = try scope(spec)
        #expect(!scope.isEverything && !scope.includesHost)
        #expect(scope.applies(to: web) && scope.applies(to: database) && !scope.applies(to: lone))
    }

    @Test("labels select pods, and a key of its own the namespace")
    func labels() throws {
        #expect(try scope("podSelector: {matchLabels: {app: web, tier: front}}").applies(to: web))
        #expect(try !scope("podSelector: {matchLabels: {app: web, tier: back}}").applies(to: web))
        let namespace = try scope("podSelector: {matchLabels: {'k8s:io.kubernetes.pod.namespace': data}}")
        #expect(namespace.applies(to: database) && !namespace.applies(to: web))
    }

    @Test(
        "requirements mean what they mean in Kubernetes",
        arguments: [
            ("{key: app, operator: In, values: [web, api]}", true, false),
            ("{key: app, operator: NotIn, values: [web]}", false, true),
            // Who has no such label is not in.
            ("{key: tier, operator: NotIn, values: [back]}", true, true),
            ("{key: tier, operator: Exists}", true, false),
            ("{key: tier, operator: DoesNotExist}", false, true),
            ("{key: 'k8s:io.kubernetes.pod.namespace', operator: NotIn, values: [shop]}", false, true),
        ])
    func requirements(text: String, web isWeb: Bool, database isDatabase: Bool) throws {
        let scope = try scope("podSelector: {matchExpressions: [\(text)]}")
        #expect(scope.applies(to: web) == isWeb && scope.applies(to: database) == isDatabase)
        #expect(!scope.applies(to: lone))
    }

    @Test("containers are selected by name and by repository, in all pods if nothing is said of pods")
    func containers() throws {
        let byName = try scope("containerSelector: {matchLabels: {name: nginx}}")
        #expect(byName.applies(to: web) && !byName.applies(to: database) && !byName.applies(to: lone))
        let byRepository = try scope(
            "containerSelector: {matchExpressions: [{key: repo, operator: In, values: [docker.io/library/nginx]}]}")
        #expect(byRepository.applies(to: web) && !byRepository.applies(to: database))
        let both = try scope(
            "podSelector: {matchLabels: {app: db}}\ncontainerSelector: {matchLabels: {name: nginx}}")
        #expect(!both.applies(to: web) && !both.applies(to: database))
    }

    @Test("the host selector is of the host, and adds it to what others select")
    func host() throws {
        let alone = try scope("hostSelector: {}")
        #expect(alone.includesHost && !alone.isEverything)
        #expect(alone.applies(to: lone) && !alone.applies(to: web))
        let added = try scope("hostSelector: {}\npodSelector: {matchLabels: {app: web}}")
        #expect(added.includesHost && added.applies(to: web) && added.applies(to: lone) && !added.applies(to: database))
        let container = try scope("hostSelector: {}\ncontainerSelector: {matchLabels: {name: nginx}}")
        #expect(container.includesHost && container.applies(to: web) && !container.applies(to: database))
        let all = try scope("hostSelector: {}\npodSelector: {}\ncontainerSelector: {}")
        #expect(all.isEverything)
    }

    @Test(
        "a repository is an image without tag and digest",
        arguments: [
            ("nginx", "nginx"), ("nginx:1.27", "nginx"), ("localhost:5000/a/b", "localhost:5000/a/b"),
            ("localhost:5000/a/b:2", "localhost:5000/a/b"), ("a/b@sha256:0", "a/b"), ("a/b:1@sha256:0", "a/b"),
            ("", ""),
        ])
    func repositories(image: String, repository: String) {
        #expect(ScopedContainer(image: image).repository == repository)
    }
}
