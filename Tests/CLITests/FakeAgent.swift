// SPDX-License-Identifier: Apache-2.0

import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import GRPCProtobuf
import SwiftProtobuf
import TetragonAPI

/// A server that says what a test wants the client to hear.
struct FakeAgent: RegistrableRPCService {
    typealias Method = Tetragon_FineGuidanceSensors.Method

    var events: [Tetragon_GetEventsResponse] = []
    /// Keeps streams open after the last event, as an agent does.
    var staysOpen = true
    /// Holds back the headers of a stream, as an agent does that is not ready.
    var holdsHeaders = false
    var health = Tetragon_HealthStatusResult.healthStatusRunning
    /// What it says of itself; one without is an agent that does not know the call.
    var info: Tetragon_GetInfoResponse?
    /// What manages it; one without is an agent that does not know those calls.
    var control: FakeControl?
    /// Told of every subscription.
    var noteRequest: @Sendable (Tetragon_GetEventsRequest) -> Void = { _ in }
    /// Ends streams this way instead of well.
    var end: RPCError?
    /// Refuses streams.
    var refusal: RPCError?

    /// Serves on a socket of its own while `body` runs.
    func serving<Result: Sendable>(
        at path: String = FakeAgent.newPath(), _ body: @Sendable (_ address: String) async throws -> Result
    ) async throws -> Result {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let transport = HTTP2ServerTransport.Posix(
            address: .unixDomainSocket(path: path), transportSecurity: .plaintext)
        return try await withGRPCServer(transport: transport, services: [self]) { server in
            _ = try await server.listeningAddress
            return try await body("unix://\(path)")
        }
    }

    static func newPath() -> String {
        FileManager.default.temporaryDirectory.appending(path: "apus-cli-\(UUID().uuidString).sock").path
    }

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        router.registerHandler(
            forMethod: Method.GetVersion.descriptor,
            deserializer: ProtobufDeserializer<Tetragon_GetVersionRequest>(),
            serializer: ProtobufSerializer<Tetragon_GetVersionResponse>()
        ) { _, _ in
            StreamingServerResponse(single: ServerResponse(message: .with { $0.version = "7.7" }))
        }
        router.registerHandler(
            forMethod: Method.GetHealth.descriptor,
            deserializer: ProtobufDeserializer<Tetragon_GetHealthStatusRequest>(),
            serializer: ProtobufSerializer<Tetragon_GetHealthStatusResponse>()
        ) { _, _ in
            let status = Tetragon_HealthStatus.with {
                $0.event = .status
                $0.status = health
            }
            return StreamingServerResponse(single: ServerResponse(message: .with { $0.healthStatus = [status] }))
        }
        control?.registerMethods(with: &router)
        if let info {
            router.registerHandler(
                forMethod: Method.GetInfo.descriptor,
                deserializer: ProtobufDeserializer<Tetragon_GetInfoRequest>(),
                serializer: ProtobufSerializer<Tetragon_GetInfoResponse>()
            ) { _, _ in
                StreamingServerResponse(single: ServerResponse(message: info))
            }
        }
        router.registerHandler(
            forMethod: Method.GetEvents.descriptor,
            deserializer: ProtobufDeserializer<Tetragon_GetEventsRequest>(),
            serializer: ProtobufSerializer<Tetragon_GetEventsResponse>()
        ) { request, context in
            noteRequest(try await ServerRequest(stream: request).message)
            if let refusal { throw refusal }
            if holdsHeaders { try await context.cancellation.cancelled }
            return StreamingServerResponse { writer in
                try await writer.write(contentsOf: events)
                if staysOpen { try await context.cancellation.cancelled }
                if let end { throw end }
                return [:]
            }
        }
    }
}
