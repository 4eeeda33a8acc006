// SPDX-License-Identifier: Apache-2.0
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import SwiftProtobuf
import Testing
import TetragonAPI

@testable import Server

/// Server reflection.
@Suite struct ReflectionTests {
    private typealias Request = Grpc_Reflection_V1_ServerReflectionRequest
    private typealias Response = Grpc_Reflection_V1_ServerReflectionResponse

    private func answers(_ questions: [Request]) async throws -> [Response] {
        let all = Mailbag()
        try await RunningServer.with { server in
            try await RunningServer.withConnection(.unixDomainSocket(path: server.mainPath)) { connection in
                let client = Grpc_Reflection_V1_ServerReflection.Client(wrapping: connection)
                try await client.serverReflectionInfo(
                    request: StreamingClientRequest { for question in questions { try await $0.write(question) } }
                ) { response in
                    for try await answer in response.messages { await all.add(answer) }
                }
            }
        }
        return await all.answers
    }

    private actor Mailbag {
        var answers: [Response] = []
        func add(_ answer: Response) { answers.append(answer) }
    }

    @Test("what is served is listed, and each service's file describes all its methods")
    func services() async throws {
        let list = try await answers([.with { $0.listServices = "" }])
        let names = try #require(list.first).listServicesResponse.service.map(\.name)
        #expect(
            names == [
                "apus.v1.Node", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                "tetragon.FineGuidanceSensors",
            ])
        let files = try await answers(names.map { name in .with { $0.fileContainingSymbol = name } })
        for (name, answer) in zip(names, files) {
            let first = try #require(answer.fileDescriptorResponse.fileDescriptorProto.first)
            let file = try Google_Protobuf_FileDescriptorProto(serializedBytes: first)
            #expect(file.service.map { "\(file.package).\($0.name)" } == [name])
        }
        let api = files[3].fileDescriptorResponse.fileDescriptorProto
        let all = try api.map { try Google_Protobuf_FileDescriptorProto(serializedBytes: $0) }
        #expect(Set(all[0].service[0].method.map(\.name)) == Set(SensorsService.Method.descriptors.map(\.method)))
        // Whatever a file imports comes with it.
        #expect(Set(all.flatMap(\.dependency)).isSubset(of: Set(all.map(\.name))))
    }

    @Test("files are found by name and by what they declare")
    func files() async throws {
        let found = try await answers([
            .with { $0.fileByFilename = "tetragon/events.proto" },
            .with { $0.fileContainingSymbol = "tetragon.Process" },
            .with { $0.fileContainingSymbol = "tetragon.FineGuidanceSensors.GetEvents" },
            .with { $0.fileContainingSymbol = "tetragon.GetInfoResponse.Probe" },
            .with { $0.fileContainingSymbol = "tetragon.EventType" },
            .with { $0.allExtensionNumbersOfType = "tetragon.Process" },
        ])
        let names = try found.dropLast().map {
            try Google_Protobuf_FileDescriptorProto(
                serializedBytes: try #require($0.fileDescriptorResponse.fileDescriptorProto.first)
            ).name
        }
        #expect(
            names == [
                "tetragon/events.proto", "tetragon/tetragon.proto", "tetragon/sensors.proto", "tetragon/sensors.proto",
                "tetragon/events.proto",
            ])
        #expect(found.last?.allExtensionNumbersResponse.baseTypeName == "tetragon.Process")
    }

    @Test("a question without an answer gets an error, and the next one its answer")
    func errors() async throws {
        let told = try await answers([
            .with { $0.fileByFilename = "other.proto" },
            .with { $0.fileContainingSymbol = "tetragon.Nothing" },
            .with { $0.fileContainingExtension.containingType = "tetragon.Process" },
            .with { $0.allExtensionNumbersOfType = "tetragon.Nothing" }, .with { $0.host = "h" },
            .with { $0.listServices = "*" },
        ])
        #expect(told.dropLast().map(\.errorResponse.errorCode) == [5, 5, 5, 5, 3])
        #expect(told[0].errorResponse.errorMessage == "file other.proto is not known here")
        #expect(told[4].validHost == "h" && told[4].originalRequest.host == "h")
        #expect(told.last?.listServicesResponse.service.isEmpty == false)
    }

    @Test("bytes without a sense are an empty catalogue")
    func broken() {
        #expect(DescriptorCatalogue([0xff, 0xff, 0xff]).services.isEmpty)
    }
}
