// SPDX-License-Identifier: Apache-2.0
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
internal import GRPCProtobuf
internal import Models
internal import SwiftProtobuf
internal import TetragonAPI

/// tetragon.FineGuidanceSensors on the main socket.
///
/// Methods are registered one by one instead of through the generated protocol: GetEvents and GetDebug send bytes that
/// are encoded already.
struct SensorsService: RegistrableRPCService {
    typealias Method = Tetragon_FineGuidanceSensors.Method

    let events: EventStream
    let hook: HookEndpoint
    let debug: DebugEndpoint
    let sensors: SensorTable
    let policies: PolicyEndpoint
    let health: @Sendable () -> HealthReport
    let info: @Sendable () -> InfoReport

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        registerReading(with: &router)
        router.registerUnary(Method.RuntimeHook.descriptor, hook.call)
        router.registerUnary(Method.GetInfo.descriptor) { [info] (_: Tetragon_GetInfoRequest, _) in
            try info().response()
        }
        registerSensors(with: &router)
        registerPolicies(with: &router)
        router.registerHandler(
            forMethod: Method.GetDebug.descriptor, deserializer: ProtobufDeserializer<Tetragon_GetDebugRequest>(),
            serializer: EncodedMessageSerializer()
        ) { [debug] request, _ in
            let answer = try await debug.get(try await ServerRequest(stream: request).message)
            return StreamingServerResponse(single: ServerResponse(message: answer))
        }
        router.registerUnary(Method.SetDebug.descriptor) { [debug] (request: Tetragon_SetDebugRequest, _) in
            try debug.set(request)
        }
    }

    /// The calls that change nothing and tell nothing of the agent's own affairs.
    func registerReading<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerUnary(Method.GetVersion.descriptor) { (_: Tetragon_GetVersionRequest, _) in
            Tetragon_GetVersionResponse.with { $0.version = Version.current }
        }
        router.registerUnary(Method.GetHealth.descriptor) { [health] (request: Tetragon_GetHealthStatusRequest, _) in
            let isWanted = request.eventSet.isEmpty || request.eventSet.contains(.status)
            return Tetragon_GetHealthStatusResponse.with { $0.healthStatus = isWanted ? [health().message] : [] }
        }
        router.registerHandler(
            forMethod: Method.GetEvents.descriptor,
            deserializer: ProtobufDeserializer<Tetragon_GetEventsRequest>(),
            serializer: EncodedMessageSerializer()
        ) { [events] request, context in
            try await events.open(try await ServerRequest(stream: request).message, context)
        }
    }

    private func registerSensors<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerUnary(Method.ListSensors.descriptor) { [sensors] (_: Tetragon_ListSensorsRequest, _) in
            sensors.list()
        }
        router.registerUnary(Method.EnableSensor.descriptor) { [sensors] (request: Tetragon_EnableSensorRequest, _) in
            try await sensors.enable(request.name)
            return Tetragon_EnableSensorResponse()
        }
        router.registerUnary(Method.DisableSensor.descriptor) { [sensors] (request: Tetragon_DisableSensorRequest, _) in
            try await sensors.disable(request.name)
            return Tetragon_DisableSensorResponse()
        }
        router.registerUnary(Method.RemoveSensor.descriptor) { [sensors] (request: Tetragon_RemoveSensorRequest, _) in
            try await sensors.remove(request.name)
            return Tetragon_RemoveSensorResponse()
        }
        router.registerUnary(Method.GetStackTraceTree.descriptor) {
            [sensors] (request: Tetragon_GetStackTraceTreeRequest, _) in
            try sensors.stackTraceTree(request.name)
        }
    }

    private func registerPolicies<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerUnary(Method.ListTracingPolicies.descriptor) {
            [policies] (request: Tetragon_ListTracingPoliciesRequest, _) in try policies.list(request)
        }
        router.registerUnary(Method.AddTracingPolicy.descriptor) { [policies] request, _ in
            try await policies.add(request)
        }
        router.registerUnary(Method.DeleteTracingPolicy.descriptor) { [policies] request, _ in
            try await policies.delete(request)
        }
        router.registerUnary(Method.EnableTracingPolicy.descriptor) { [policies] request, _ in
            try await policies.enable(request)
        }
        router.registerUnary(Method.DisableTracingPolicy.descriptor) { [policies] request, _ in
            try await policies.disable(request)
        }
        router.registerUnary(Method.ConfigureTracingPolicy.descriptor) { [policies] request, _ in
            try await policies.configure(request)
        }
        router.registerUnary(Method.ListDomains.descriptor) { (_: Tetragon_ListDomainsRequest, _) in
            Tetragon_ListDomainsResponse()
        }
    }
}

extension HealthReport {
    fileprivate var message: Tetragon_HealthStatus {
        .with {
            $0.event = .status
            $0.details = details
            $0.status =
                switch status {
                case .running: .healthStatusRunning
                case .stopped: .healthStatusStopped
                case .error: .healthStatusError
                }
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
                method, .unimplemented,
                "this socket serves RuntimeHook alone; \(method.method) is on the agent's main address")
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

    mutating func registerRefusal(_ method: MethodDescriptor, _ code: RPCError.Code, _ sentence: String) {
        registerHandler(
            forMethod: method, deserializer: IgnoredMessageDeserializer(), serializer: EncodedMessageSerializer()
        ) { _, _ in
            throw RPCError(code: code, message: sentence)
        }
    }
}
