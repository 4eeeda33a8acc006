// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// Answers by the path that is asked for, and remembers what was.
final class WebServer: Sendable {
    struct Request: Sendable, Equatable {
        let method: String
        let uri: String
        let host: String
    }

    private let channel: any Channel
    private let received: Received
    let port: Int

    var requests: [Request] { received.requests.withLock { $0 } }
    /// Bytes of answers that clients have taken, or that wait for them.
    var bytes: Int { received.bytes.withLock { $0 } }

    /// - Parameter identity: where it speaks TLS, its certificate and key.
    init(_ identity: TLSConfiguration? = nil) async throws {
        let received = Received()
        self.received = received
        let context = try identity.map { try NIOSSLContext(configuration: $0) }
        channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Handler(received))
                }
            }.bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    func stop() async throws { try await channel.close() }

    /// A server for the length of `body`.
    static func with(
        _ identity: TLSConfiguration? = nil, _ body: (WebServer) async throws -> Void
    ) async throws {
        let server = try await WebServer(identity)
        do { try await body(server) } catch {
            try? await server.stop()
            throw error
        }
        try await server.stop()
    }

    private final class Received: Sendable {
        let requests = Mutex<[Request]>([])
        let bytes = Mutex(0)

        func answer(_ uri: String, on channel: any Channel) async throws {
            func send(_ part: HTTPServerResponsePart) async throws { try await channel.writeAndFlush(part) }
            switch uri {
            case "/silent": try await channel.closeFuture.get()
            case "/endless":
                try await send(.head(HTTPResponseHead(version: .http1_1, status: .ok)))
                let more = ByteBuffer(repeating: 0x78, count: 16 << 10)
                while true {
                    try await send(.body(.byteBuffer(more)))
                    bytes.withLock { $0 += more.readableBytes }
                }
            default:
                let status: HTTPResponseStatus =
                    uri == "/moved" ? .found : uri == "/missing" ? .notFound : .noContent
                let headers: HTTPHeaders = uri == "/moved" ? ["Location": "/elsewhere"] : [:]
                try await send(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers)))
                try await send(.end(nil))
            }
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let received: Received

        init(_ received: Received) { self.received = received }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .head(let head) = unwrapInboundIn(data) else { return }
            let host = head.headers.first(name: "Host") ?? ""
            received.requests.withLock { $0.append(Request(method: head.method.rawValue, uri: head.uri, host: host)) }
            let (channel, uri, received) = (context.channel, head.uri, received)
            Task { try await received.answer(uri, on: channel) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}
