// SPDX-License-Identifier: Apache-2.0
import AgentCore
import Logging
import Pods
import Policies
import PolicyEngine

/// Policies that are objects of the cluster: `--enable-k8s-api`.
struct ClusterPolicies: Sendable {
    private let kinds: [(objects: ClusterObjects, hasNamespaces: Bool)]
    private let manager: PolicyManager
    private let log: Logger

    /// - Throws: where there is no way to an API server.
    init(_ access: APIAccessSource, manager: PolicyManager, log: Logger) throws {
        self.manager = manager
        self.log = log
        let group = "/apis/cilium.io/v1alpha1/"
        kinds = [
            (
                try ClusterObjects(
                    access: access, path: group + "tracingpolicies", subject: "tracing policies", logger: log), false
            ),
            (
                try ClusterObjects(
                    access: access, path: group + "tracingpoliciesnamespaced", subject: "namespaced tracing policies",
                    logger: log), true
            ),
        ]
    }

    func run() async {
        await withTaskGroup(of: Void.self) { group in
            for kind in kinds {
                group.addTask { await kind.objects.run { await apply($0, hasNamespaces: kind.hasNamespaces) } }
            }
        }
    }

    private func apply(_ change: ObjectChange, hasNamespaces: Bool) async {
        switch change {
        case .applied(let object): await load(object)
        case .removed(let name, let namespace): await unload(PolicyKey(name: name, namespace: namespace))
        case .all(let objects):
            let present = Set(objects.map { PolicyKey(name: $0.name, namespace: $0.namespace) })
            for policy in manager.list where policy.key.namespace.isEmpty != hasNamespaces {
                if policy.source == .cluster(policy.key), !present.contains(policy.key) { await unload(policy.key) }
            }
            for object in objects { await load(object) }
        }
    }

    private func load(_ object: ClusterObject) async {
        let key = PolicyKey(name: object.name, namespace: object.namespace)
        do {
            let policy: TracingPolicy
            do throws(PolicyProblems) {
                policy = try PolicyReader.policy(of: object.text)
            } catch {
                try await manager.note("\(error)", of: .cluster(key), as: key)
                throw error
            }
            guard PolicyKey(policy) == key else { return }
            try await manager.replace(policy, from: .cluster(key))
            log.info("policy of the cluster loaded", metadata: ["policy": "\(key)"])
        } catch {
            log.error("policy of the cluster not loaded", metadata: ["policy": "\(key)", "error": "\(error)"])
        }
    }

    /// What somebody else has put in its place stays.
    private func unload(_ key: PolicyKey) async {
        guard manager.list.contains(where: { $0.key == key && $0.source == .cluster(key) }) else { return }
        do {
            try await manager.delete(key)
            log.info("policy of the cluster is gone", metadata: ["policy": "\(key)"])
        } catch {
            log.error("policy of the cluster not unloaded", metadata: ["policy": "\(key)", "error": "\(error)"])
        }
    }
}
