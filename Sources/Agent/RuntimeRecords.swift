// SPDX-License-Identifier: Apache-2.0
import AgentCore
import Containers
import Logging
import Runtimes
import ServiceLifecycle

/// Containers that no hook told of, from their runtimes' own records: asked once at the start, and whenever a container
/// has come of which nobody told in time.
struct RuntimeRecords: Service {
    /// The agent is not ready before the first answers are there, or this has passed; later ones come in later.
    private static let patience = Duration.milliseconds(500)
    private static let delay = Duration.milliseconds(300)
    /// A runtime is asked no more often than that.
    private static let pause = Duration.seconds(2)

    private let sources: [any ContainerSource]
    private let procfs: Procfs
    private let hierarchy: CgroupHierarchy
    private let writer: Writer
    private let log: Logger

    /// - Throws: where `--cri-endpoint` names none.
    init(
        _ options: AgentOptions, procfs: Procfs, hierarchy: CgroupHierarchy, writer: Writer, log: Logger
    ) throws(SourceError) {
        let stateDirectories: [any ContainerSource] = [RuncSource(procfs: procfs), CrunSource(procfs: procfs)]
        let cri: [any ContainerSource] =
            if let endpoint = options.criEndpoint { [try CRISource(endpoint: endpoint)] } else { CRISource.find() }
        sources = cri + [PodmanSource(runtimes: stateDirectories)] + stateDirectories
        self.procfs = procfs
        self.hierarchy = hierarchy
        self.writer = writer
        self.log = log
    }

    /// What runs now, as far as the runtimes answer soon. Others are asked again.
    func take() async -> [Container] {
        await withTaskGroup(of: [Container]?.self) { group in
            group.addTask { await survey() }
            group.addTask {
                try? await Task.sleep(for: Self.patience)
                return nil
            }
            defer { group.cancelAll() }
            if let found = await group.next().flatMap({ $0 }) { return found }
            writer.askRuntimes()
            return []
        }
    }

    func run() async {
        await cancelWhenGracefulShutdown {
            for await _ in writer.nameless {
                // The runtime writes its records when the container is made.
                try? await Task.sleep(for: Self.delay)
                writer.tell(found: await survey())
                try? await Task.sleep(for: Self.pause)
            }
        }
    }

    private func survey() async -> [Container] {
        let survey = await Survey.take(sources, procfs: procfs, hierarchy: hierarchy)
        for failure in survey.failures {
            log.warning("container runtime not asked", metadata: ["error": "\(failure)"])
        }
        return survey.containers.compactMap { found in
            guard let path = found.cgroupPath, let cgroup = hierarchy.id(ofPath: path) else { return nil }
            return Container(
                identity: found.container.identity, source: .runtime, cgroup: cgroup, cgroupPath: path,
                initProcess: found.container.initProcess, initStart: found.container.initStart,
                imageID: found.container.imageID, startTime: found.container.startTime,
                namespaces: found.container.initProcess.flatMap { procfs.namespaces(of: $0) })
        }
    }
}
