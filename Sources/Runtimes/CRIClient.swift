// SPDX-License-Identifier: Apache-2.0
internal import CRIAPI
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import SwiftProtobuf

/// The calls, each with its bounds.
struct CRIClient: Sendable {
    /// What the kubelet takes. Some 1.5 KB a container.
    private static let longestList = 16 << 20
    /// A status has the container's whole specification in it.
    private static let longestStatus = 4 << 20
    static let limits = "\(longestList) bytes for a list, \(longestStatus) for a status"
    /// Calls under way at a time: enough to keep the runtime busy, not enough to keep others from it.
    private static let concurrency = 8

    private let service: Runtime_V1_RuntimeService.Client<HTTP2ClientTransport.Posix>
    private let timeLimit: Duration

    init(_ timeLimit: Duration, _ client: GRPCClient<HTTP2ClientTransport.Posix>) {
        self.timeLimit = timeLimit
        service = Runtime_V1_RuntimeService.Client(wrapping: client)
    }

    /// The runtime's name, as it gives it.
    func version() async throws -> String {
        try await service.version(.with { $0.version = "v1" }, options: options(Self.longestStatus)).runtimeName
    }

    /// The containers that run; or, if the id is not empty, the one that has it, whatever its state.
    func containers(id: String) async throws -> [Runtime_V1_Container] {
        let request = Runtime_V1_ListContainersRequest.with {
            $0.filter.id = id
            if id.isEmpty { $0.filter.state.state = .containerRunning }
        }
        let all = try await service.listContainers(request, options: options(Self.longestList)).containers
        return all.prefix(maximumContainers).filter { id.isEmpty || $0.id == id }
    }

    /// The sandboxes of pods that run; the one with this id if it is not empty.
    func sandboxes(id: String) async throws -> [Runtime_V1_PodSandbox] {
        let request = Runtime_V1_ListPodSandboxRequest.with {
            $0.filter.id = id
            $0.filter.state.state = .sandboxReady
        }
        let all = try await service.listPodSandbox(request, options: options(Self.longestList)).items
        return all.prefix(maximumContainers).filter { id.isEmpty || $0.id == id }
    }

    /// Nil if the container has gone since.
    func status(ofContainer id: String) async throws -> Runtime_V1_ContainerStatusResponse? {
        let request = Runtime_V1_ContainerStatusRequest.with { ($0.containerID, $0.verbose) = (id, true) }
        return try await unlessGone { try await service.containerStatus(request, options: options(Self.longestStatus)) }
    }

    /// Nil if the sandbox has gone since.
    func status(ofSandbox id: String) async throws -> Runtime_V1_PodSandboxStatusResponse? {
        let request = Runtime_V1_PodSandboxStatusRequest.with { ($0.podSandboxID, $0.verbose) = (id, true) }
        return try await unlessGone {
            try await service.podSandboxStatus(request, options: options(Self.longestStatus))
        }
    }

    /// Transforms all of them, some at a time, in no order; nil is left out.
    func eachOf<Element: Sendable, Result: Sendable>(
        _ elements: [Element], _ transform: @escaping @Sendable (Element) async throws -> Result?
    ) async throws -> [Result] {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            var results: [Result] = []
            var rest = elements.makeIterator()
            for _ in 0..<Self.concurrency {
                guard let element = rest.next() else { break }
                group.addTask { try await transform(element) }
            }
            while let result = try await group.next() {
                if let result { results.append(result) }
                if let element = rest.next() { group.addTask { try await transform(element) } }
            }
            return results
        }
    }

    private func unlessGone<Response>(_ call: () async throws -> Response) async throws -> Response? {
        do {
            return try await call()
        } catch let error as RPCError where error.code == .notFound {
            return nil
        }
    }

    private func options(_ limit: Int) -> CallOptions {
        var options = CallOptions.defaults
        options.timeout = timeLimit
        options.maxResponseMessageBytes = limit
        return options
    }
}
