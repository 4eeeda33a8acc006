// SPDX-License-Identifier: Apache-2.0
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import GRPCProtobuf
internal import Models
internal import SwiftProtobuf
internal import TetragonAPI

/// tetragon.FineGuidanceSensors on the main socket.
///
/// Methods are registered one by one instead of through the generated protocol: GetEvents sends bytes that are encoded
/// already, and what does not exist yet is one loop.
struct SensorsService: RegistrableRPCService {
    typealias Method = Tetragon_FineGuidanceSensors.Method

    let events: EventStream
    let hook: HookEndpoint
    let ready: ReadyGate
    let health: @Sendable () -> HealthReport
    let info: @Sendable () -> InfoReport

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerUnary(Method.GetVersion.descriptor) { (_: Tetragon_GetVersionRequest, _) in
            Tetragon_GetVersionResponse.with { $0.version = Version.current }
        }
        router.registerUnary(Method.GetInfo.descriptor) { [info] (_: Tetragon_GetInfoRequest, _) in
            try info().response()
        }
        router.registerUnary(Method.GetHealth.descriptor) { (_: Tetragon_GetHealthStatusRequest, _) in
            healthResponse()
        }
        router.registerUnary(Method.RuntimeHook.descriptor, hook.call)
        router.registerHandler(
            forMethod: Method.GetEvents.descriptor,
            deserializer: ProtobufDeserializer<Tetragon_GetEventsRequest>(),
            serializer: EncodedMessageSerializer()
        ) { [events] request, context in
            try await events.open(try await ServerRequest(stream: request).message, context)
        }
        for method in Method.descriptors where !router.hasHandler(forMethod: method) {
            router.registerRefusal(method, "\(method.method) is not implemented by this version of Apus")
        }
    }

    private func healthResponse() -> Tetragon_GetHealthStatusResponse {
        let report = ready.isOpen ? health() : HealthReport(.stopped, details: "starting")
        return .with {
            $0.healthStatus = [
                .with {
                    $0.event = .status
                    $0.details = report.details
                    $0.status =
                        switch report.status {
                        case .running: .healthStatusRunning
                        case .stopped: .healthStatusStopped
                        case .error: .healthStatusError
                        }
                }
            ]
        }
    }
}

/// The same service on the hook's socket, where everybody may call: RuntimeHook and nothing else.
struct HookService: RegistrableRPCService {
    let hook: HookEndpoint

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerUnary(SensorsService.Method.RuntimeHook.descriptor, hook.call)
        for method in SensorsService.Method.descriptors where !router.hasHandler(forMethod: method) {
            router.registerRefusal(
                method, "this socket serves RuntimeHook alone; \(method.method) is on the agent's main address")
        }
    }
}

extension RPCRouter {
    mutating func registerUnary<Input: Message, Output: Message>(
        _ method: MethodDescriptor, _ body: @escaping @Sendable (Input, ServerContext) async throws -> Output
    ) {
        registerHandler(
            forMethod: method, deserializer: ProtobufDeserializer<Input>(), serializer: ProtobufSerializer<Output>()
        ) { request, context in
            let output = try await body(try await ServerRequest(stream: request).message, context)
            return StreamingServerResponse(single: ServerResponse(message: output))
        }
    }

    fileprivate mutating func registerRefusal(_ method: MethodDescriptor, _ sentence: String) {
        registerHandler(
            forMethod: method, deserializer: IgnoredMessageDeserializer(), serializer: EncodedMessageSerializer()
        ) { _, _ in
            throw RPCError(code: .unimplemented, message: sentence)
        }
    }
}
