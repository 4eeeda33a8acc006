// SPDX-License-Identifier: Apache-2.0
import CRIAPI
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import Glibc
import SwiftProtobuf
import Synchronization

/// A runtime that says by the CRI what a test wants of one container.
final class OneContainerRuntime: RegistrableRPCService, Sendable {
    private typealias Method = Runtime_V1_RuntimeService.Method

    private struct Told {
        var id: String
        var pid: pid_t
        var pod: Pod
    }

    private let told = Mutex<Told?>(nil)

    /// From now on, it says that.
    func tell(_ id: String, pid: pid_t, of pod: Pod) { told.withLock { $0 = Told(id: id, pid: pid, pod: pod) } }

    /// Listens for the length of `body`.
    func serve(at path: String, _ body: @Sendable () async throws -> Void) async throws {
        let transport = HTTP2ServerTransport.Posix(
            address: .unixDomainSocket(path: path), transportSecurity: .plaintext)
        try await withGRPCServer(transport: transport, services: [self]) { server in
            _ = try await server.listeningAddress
            try await body()
        }
    }

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        answer(&router, Method.Version.descriptor) { (_: Runtime_V1_VersionRequest, _) in
            Runtime_V1_VersionResponse.with { $0.runtimeName = "containerd" }
        }
        answer(&router, Method.ListPodSandbox.descriptor) { (_: Runtime_V1_ListPodSandboxRequest, _) in
            Runtime_V1_ListPodSandboxResponse()
        }
        answer(&router, Method.ListContainers.descriptor) { (_: Runtime_V1_ListContainersRequest, told) in
            .with { response in
                guard let told else { return }
                response.containers = [
                    .with {
                        $0.id = told.id
                        $0.metadata.name = told.pod.container
                        $0.labels = [
                            "io.kubernetes.pod.name": told.pod.name, "io.kubernetes.pod.namespace": told.pod.namespace,
                            "io.kubernetes.pod.uid": told.pod.uid,
                        ]
                    }
                ]
            } as Runtime_V1_ListContainersResponse
        }
        answer(&router, Method.ContainerStatus.descriptor) { (_: Runtime_V1_ContainerStatusRequest, told) in
            .with {
                $0.status.state = .containerRunning
                $0.info["info"] = #"{"pid": \#(told?.pid ?? 0)}"#
            } as Runtime_V1_ContainerStatusResponse
        }
    }

    private func answer<Transport: ServerTransport, Request: Message, Response: Message>(
        _ router: inout RPCRouter<Transport>, _ method: MethodDescriptor,
        _ respond: @escaping @Sendable (Request, Told?) -> Response
    ) {
        router.registerHandler(
            forMethod: method, deserializer: ProtobufDeserializer<Request>(),
            serializer: ProtobufSerializer<Response>()
        ) { request, _ in
            let request = try await ServerRequest(stream: request)
            let told = self.told.withLock { $0 }
            return StreamingServerResponse(single: ServerResponse(message: respond(request.message, told)))
        }
    }
}
