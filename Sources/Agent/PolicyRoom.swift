// SPDX-License-Identifier: Apache-2.0
import AgentCore
import Logging
import Policies
import PolicyEngine
import Sensors
import ServiceLifecycle

/// The policies: what files say, and whoever calls.
struct PolicyRoom: Service {
    let manager: PolicyManager
    private let directory: PolicyDirectory
    private let file: PolicyFile?
    private let cluster: ClusterPolicies?
    private let releasesLeftovers: Bool
    private let log: Logger
    /// Ends when the agent has loaded what it was told, or could not.
    private let loading: AsyncStream<Void>
    private let loaded: AsyncStream<Void>.Continuation

    /// - Throws: where the cluster is to be asked, and there is no way to it.
    init(
        _ options: AgentOptions, survey: some KernelSurvey, kernel: sending LoadedKernel, scopes: PolicyScopes,
        writer: Writer, reaching outreach: OutreachHosts, log: Logger
    ) throws {
        let manager = PolicyManager(
            kernel, scopes: scopes,
            .init(
                plan: { try Planner.plan($0, on: survey, reaching: outreach) }, learn: { await writer.learn($0) },
                forget: { await writer.forget($0) }, loads: LoadWatcher(writer).watching))
        self.manager = manager
        self.log = log
        (loading, loaded) = AsyncStream.makeStream(of: Void.self)
        releasesLeftovers = options.releasePinnedBpf
        for left in manager.list {
            log.notice("an earlier agent's policy holds", metadata: ["policy": "\(left.key)", "info": "\(left.info)"])
        }
        directory = PolicyDirectory(options.tracingPolicyDir, manager, log: log)
        file = options.tracingPolicy.map { PolicyFile($0) }
        cluster = try options.kubernetes.map { try ClusterPolicies($0, manager: manager, log: log) }
    }

    /// Loads what files say, once the writer runs and knows the containers. A bad file of the directory is a line in the
    /// log. What earlier agents have left goes when all that holds.
    /// - Throws: where the one file that was asked for by name cannot be loaded whole.
    func load() async throws {
        defer { loaded.finish() }
        await directory.read()
        try await file?.load(into: manager)
        guard releasesLeftovers else { return }
        let released = try await manager.releaseLeftovers()
        if !released.isEmpty {
            log.info("policies of earlier agents released", metadata: ["policies": "\(Self.names(released))"])
        }
        let left = manager.list.filter { $0.source == .earlierAgent }.map(\.key)
        if !left.isEmpty {
            log.warning(
                "policies of earlier agents stay until they are deleted, or policies of their names are loaded",
                metadata: [
                    "policies": "\(Self.names(left))", "error": "a policy that may be their successor is not loaded",
                ])
        }
    }

    private static func names(_ keys: [PolicyKey]) -> String { keys.map { "\($0)" }.joined(separator: ",") }

    /// Follows the directory and the cluster, once the sensors are attached and what files say holds.
    func run() async {
        await cancelWhenGracefulShutdown {
            for await _ in loading {}
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await directory.run() }
                if let cluster { group.addTask { await cluster.run() } }
            }
        }
    }
}
