// SPDX-License-Identifier: Apache-2.0
import AgentCore
import Containers
import Logging
import Pods
import ServiceLifecycle

/// What tells of this node's pods, as the options say: nothing, manifests, the Kubernetes API, or both.
struct PodSources: Service {
    private let sources: [(name: String, source: any PodSource)]
    private let writer: Writer

    /// - Throws: where the options name something that cannot be: no kubeconfig, no account.
    init(_ options: AgentOptions, writer: Writer, log: Logger) throws {
        self.writer = writer
        var sources: [(String, any PodSource)] = []
        if let directory = options.podManifests {
            sources.append(
                ("manifests", ManifestSource(directory: directory, nodeName: options.nodeName, logger: log)))
        }
        if let access = options.kubernetes {
            sources.append(("api", try KubernetesSource(access: access, nodeName: options.nodeName, logger: log)))
        }
        self.sources = sources
    }

    var isEmpty: Bool { sources.isEmpty }

    func run() async {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                for (name, source) in sources {
                    group.addTask { [writer] in await source.run { writer.tell($0, from: name) } }
                }
            }
        }
    }
}

extension AgentOptions {
    /// How to reach the cluster's API, if it is to be asked.
    var kubernetes: APIAccessSource? {
        guard enableK8sApi else { return nil }
        return k8sKubeconfigPath.map { .kubeconfig(path: $0) } ?? .inCluster(environment: Environment.all)
    }
}
