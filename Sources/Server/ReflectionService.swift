// SPDX-License-Identifier: Apache-2.0
internal import GRPCCore
internal import GRPCProtobuf
internal import Models
internal import SwiftProtobuf
internal import TetragonAPI

/// grpc.reflection: what is served, for clients without proto files. Version v1alpha, which older clients ask for, has
/// the same messages under another name.
struct ReflectionService: RegistrableRPCService {
    private typealias Request = Grpc_Reflection_V1_ServerReflectionRequest
    private typealias Response = Grpc_Reflection_V1_ServerReflectionResponse

    private static let method = Grpc_Reflection_V1_ServerReflection.Method.ServerReflectionInfo.descriptor
    private static let alpha = MethodDescriptor(
        fullyQualifiedService: "grpc.reflection.v1alpha.ServerReflection", method: method.method)

    func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
        for method in [Self.method, Self.alpha] {
            router.registerHandler(
                forMethod: method, deserializer: ProtobufDeserializer<Request>(),
                serializer: ProtobufSerializer<Response>()
            ) { request, _ in
                StreamingServerResponse { writer in
                    for try await question in request.messages { try await writer.write(Self.answer(question)) }
                    return [:]
                }
            }
        }
    }

    private static func answer(_ question: Request) -> Response {
        let catalogue = DescriptorCatalogue.served
        return .with {
            $0.validHost = question.host
            $0.originalRequest = question
            switch question.messageRequest {
            case .fileByFilename(let name): $0.answer(catalogue.file(named: name), "file \(name.shown)")
            case .fileContainingSymbol(let symbol):
                $0.answer(catalogue.file(declaring: symbol), "symbol \(symbol.shown)")
            case .fileContainingExtension(let wanted):
                $0.answer(nil, "extension \(wanted.extensionNumber) of \(wanted.containingType.shown)")
            case .allExtensionNumbersOfType(let type):
                // There are no extensions in proto3.
                guard catalogue.file(declaring: type) != nil else { return $0.answer(nil, "type \(type.shown)") }
                $0.allExtensionNumbersResponse.baseTypeName = type
            case .listServices:
                $0.listServicesResponse.service = catalogue.services.map { name in .with { $0.name = name } }
            case nil: $0.fail(.invalidArgument, "the question is of no kind that is known here")
            }
        }
    }
}

extension Grpc_Reflection_V1_ServerReflectionResponse {
    fileprivate mutating func answer(_ files: [[UInt8]]?, _ wanted: String) {
        guard let files else { return fail(.notFound, "\(wanted) is not known here") }
        fileDescriptorResponse.fileDescriptorProto = files.map { .init($0) }
    }

    fileprivate mutating func fail(_ code: RPCError.Code, _ message: String) {
        errorResponse.errorCode = Int32(code.rawValue)
        errorResponse.errorMessage = message
    }
}

/// The proto files of what is served, by what is in them.
struct DescriptorCatalogue: Sendable {
    /// Full names, in the order of the alphabet.
    private(set) var services: [String] = []
    private var files: [String: File] = [:]
    /// The file that declares a full name.
    private var declaring: [String: String] = [:]

    private struct File: Sendable {
        var serialized: [UInt8]
        var imports: [String]
    }

    /// Made when it is first asked for.
    static let served = DescriptorCatalogue(decodeBase64(servedDescriptors))

    /// - Parameter bytes: a FileDescriptorSet; without a sense it is an empty one.
    init(_ bytes: [UInt8]) {
        let set = (try? Google_Protobuf_FileDescriptorSet(serializedBytes: bytes)) ?? .init()
        for file in set.file {
            files[file.name] = File(
                serialized: (try? file.serializedBytes()) ?? [], imports: file.dependency)
            let package = file.package.isEmpty ? "" : file.package + "."
            for service in file.service {
                services.append(package + service.name)
                declaring[package + service.name] = file.name
                for method in service.method { declaring["\(package)\(service.name).\(method.name)"] = file.name }
            }
            for type in file.enumType { declaring[package + type.name] = file.name }
            for message in file.messageType { declare(message, in: package, of: file.name) }
        }
        services.sort()
    }

    private mutating func declare(_ message: Google_Protobuf_DescriptorProto, in scope: String, of file: String) {
        let name = scope + message.name
        declaring[name] = file
        for field in message.field { declaring["\(name).\(field.name)"] = file }
        for type in message.enumType { declaring["\(name).\(type.name)"] = file }
        for nested in message.nestedType { declare(nested, in: name + ".", of: file) }
    }

    func file(declaring symbol: String) -> [[UInt8]]? { declaring[symbol].flatMap(file(named:)) }

    /// A file and all that it imports, itself first; nil if there is none of this name.
    func file(named name: String) -> [[UInt8]]? {
        guard files[name] != nil else { return nil }
        var names = [name]
        var next = 0
        while next < names.count {
            for imported in files[names[next]]?.imports ?? [] where !names.contains(imported) { names.append(imported) }
            next += 1
        }
        return names.compactMap { files[$0]?.serialized }
    }
}
