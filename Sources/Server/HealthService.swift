// SPDX-License-Identifier: Apache-2.0
internal import GRPCCore
internal import GRPCProtobuf
internal import SwiftProtobuf
internal import TetragonAPI

/// grpc.health.v1.Health: the agent's health in the words of probes.
///
/// The server as a whole (the empty name) and the API's service are SERVING when GetHealth says RUNNING. `liveness` is
/// what an orchestrator may end the agent by: SERVING also of one that starts, or that loses records, and not of one
/// that stands still.
struct HealthService: RegistrableRPCService {
    private typealias Health = Grpc_Health_V1_Health.Method
    private typealias Status = Grpc_Health_V1_HealthCheckResponse.ServingStatus

    let health: @Sendable () -> HealthReport
    /// Open when the server goes.
    let stopping: ReadyGate

    /// How late a watcher may learn of a change.
    private static let interval = Duration.milliseconds(500)

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerUnary(Health.Check.descriptor) { (request: Grpc_Health_V1_HealthCheckRequest, _) in
            guard let status = status(of: request.service) else {
                throw RPCError(code: .notFound, message: "there is no service \(request.service.shown) here")
            }
            return Grpc_Health_V1_HealthCheckResponse.with { $0.status = status }
        }
        router.registerHandler(
            forMethod: Health.Watch.descriptor, deserializer: ProtobufDeserializer<Grpc_Health_V1_HealthCheckRequest>(),
            serializer: ProtobufSerializer<Grpc_Health_V1_HealthCheckResponse>()
        ) { request, context in
            let service = try await ServerRequest(stream: request).message.service
            return StreamingServerResponse { try await watch(service, context, $0) }
        }
    }

    private func watch(
        _ service: String, _ context: ServerContext, _ writer: RPCWriter<Grpc_Health_V1_HealthCheckResponse>
    ) async throws -> Metadata {
        var told: Status?
        while !context.cancellation.isCancelled {
            let status = stopping.isOpen ? .notServing : status(of: service) ?? .serviceUnknown
            if status != told { try await writer.write(.with { $0.status = status }) }
            told = status
            if stopping.isOpen { throw RPCError(code: .unavailable, message: "The agent is shutting down.") }
            try await Task.sleep(for: Self.interval)
        }
        throw RPCError(code: .cancelled, message: "The client cancelled the call.")
    }

    /// Nil of a service that is not here.
    private func status(of service: String) -> Status? {
        let report = health()
        switch service {
        case "", Tetragon_FineGuidanceSensors.descriptor.fullyQualifiedService:
            return report.status == .running ? .serving : .notServing
        case "liveness": return report.isAlive ? .serving : .notServing
        default: return nil
        }
    }
}
