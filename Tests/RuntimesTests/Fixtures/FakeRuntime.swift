// SPDX-License-Identifier: Apache-2.0
import CRIAPI
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import SwiftProtobuf

/// A server of the CRI that answers as a test wants it to.
struct FakeRuntime: RegistrableRPCService {
    typealias Method = Runtime_V1_RuntimeService.Method

    var name = "cri-o"
    var containers: [Runtime_V1_Container] = []
    var sandboxes: [Runtime_V1_PodSandbox] = []
    /// By id; NOT_FOUND for others.
    var statuses: [String: Runtime_V1_ContainerStatusResponse] = [:]
    var sandboxStatuses: [String: Runtime_V1_PodSandboxStatusResponse] = [:]
    /// Never answers the list of containers.
    var hangs = false

    func serving<Result: Sendable>(_ body: @Sendable (_ endpoint: String) async throws -> Result) async throws -> Result
    {
        let scratch = try Scratch()
        let path = scratch("cri.sock")
        let transport = HTTP2ServerTransport.Posix(
            address: .unixDomainSocket(path: path), transportSecurity: .plaintext)
        return try await withGRPCServer(transport: transport, services: [self]) { server in
            _ = try await server.listeningAddress
            return try await body("unix://\(path)")
        }
    }

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        answer(&router, Method.Version.descriptor) { (_: Runtime_V1_VersionRequest, _) in
            Runtime_V1_VersionResponse.with { $0.runtimeName = name }
        }
        answer(&router, Method.ListContainers.descriptor) {
            (_: Runtime_V1_ListContainersRequest, cancellation) in
            // Until the client has gone.
            if hangs { try await cancellation.cancelled }
            return Runtime_V1_ListContainersResponse.with { $0.containers = containers }
        }
        answer(&router, Method.ListPodSandbox.descriptor) { (_: Runtime_V1_ListPodSandboxRequest, _) in
            Runtime_V1_ListPodSandboxResponse.with { $0.items = sandboxes }
        }
        answer(&router, Method.ContainerStatus.descriptor) { (request: Runtime_V1_ContainerStatusRequest, _) in
            try found(statuses[request.containerID])
        }
        answer(&router, Method.PodSandboxStatus.descriptor) { (request: Runtime_V1_PodSandboxStatusRequest, _) in
            try found(sandboxStatuses[request.podSandboxID])
        }
    }

    private func found<Response>(_ response: Response?) throws -> Response {
        guard let response else { throw RPCError(code: .notFound, message: "no such container") }
        return response
    }

    private func answer<Transport: ServerTransport, Request: Message, Response: Message>(
        _ router: inout RPCRouter<Transport>, _ method: MethodDescriptor,
        _ respond: @escaping @Sendable (Request, ServerContext.RPCCancellationHandle) async throws -> Response
    ) {
        router.registerHandler(
            forMethod: method, deserializer: ProtobufDeserializer<Request>(),
            serializer: ProtobufSerializer<Response>()
        ) { request, context in
            let request = try await ServerRequest(stream: request)
            return StreamingServerResponse(
                single: ServerResponse(message: try await respond(request.message, context.cancellation)))
        }
    }
}
