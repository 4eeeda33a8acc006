// SPDX-License-Identifier: Apache-2.0
internal import CRIAPI
internal import GRPCCore
internal import Glibc
package import Models

/// What a Kubernetes node's runtime (containerd, CRI-O, cri-dockerd) tells the kubelet of its pods, over the same socket.
package struct CRISource: ContainerSource {
    /// Where runtimes listen: containerd, CRI-O, cri-dockerd, the containerd of k3s.
    package static let usualEndpoints = [
        "/run/containerd/containerd.sock", "/run/crio/crio.sock", "/var/run/cri-dockerd.sock",
        "/run/k3s/containerd/containerd.sock",
    ]

    /// For everything that one call asks of the runtime.
    package static let usualTimeLimit = Duration.seconds(5)

    package let name = "cri"
    /// The socket's absolute path.
    package let endpoint: String
    private let connection: CRIConnection
    private let timeLimit: Duration

    /// - Parameter endpoint: `unix:///path` or an absolute path.
    /// - Throws: `SourceError` if it is neither, or longer than a socket's path may be.
    package init(endpoint: String, timeLimit: Duration = usualTimeLimit) throws(SourceError) {
        guard case .unix(let path) = ListenAddress(endpoint.hasPrefix("/") ? "unix:" + endpoint : endpoint) else {
            throw SourceError(
                "cri: \"\(endpoint.printable)\" is no endpoint: it must be unix:///path, the path of at most "
                    + "\(ListenAddress.longestPath) bytes, as in unix:///run/containerd/containerd.sock")
        }
        self.endpoint = path
        self.timeLimit = timeLimit
        connection = CRIConnection(path: path, timeLimit: timeLimit)
    }

    /// The usual endpoints at which there is a socket. Whether somebody answers is seen when asked.
    package static func find(_ endpoints: [String] = usualEndpoints) -> [CRISource] {
        endpoints.compactMap { path in
            var status = stat()
            guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
            return try? CRISource(endpoint: path)
        }
    }

    package func containers() async throws(SourceError) -> [ReportedContainer] { try await reports(id: "") }

    package func container(_ id: ContainerID) async throws(SourceError) -> ReportedContainer? {
        try await reports(id: id.text).first { $0.identity.id == id }
    }

    /// - Parameter id: of a container or a sandbox; all of them if empty.
    private func reports(id: String) async throws(SourceError) -> [ReportedContainer] {
        try await connection.withClient { client in
            let runtime = CRIReports.runtimeName(try await client.version())
            let sandboxes = try await client.sandboxes(id: id)
            let containers = try await client.containers(id: id)
            var pods: [String: Runtime_V1_PodSandbox] = [:]
            for sandbox in sandboxes { pods[sandbox.id] = sandbox }
            // A container that was asked for alone comes without its pod.
            if let only = containers.first, !id.isEmpty, pods[only.podSandboxID] == nil {
                for sandbox in try await client.sandboxes(id: only.podSandboxID) { pods[sandbox.id] = sandbox }
            }
            let known = pods
            var reports = try await client.eachOf(containers) { container in
                try await client.status(ofContainer: container.id).flatMap {
                    CRIReports.report(container, $0, known[container.podSandboxID], runtime)
                }
            }
            reports += try await client.eachOf(sandboxes) { sandbox in
                try await client.status(ofSandbox: sandbox.id).flatMap { CRIReports.report(sandbox, $0, runtime) }
            }
            return reports
        }
    }
}
