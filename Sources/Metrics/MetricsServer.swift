// SPDX-License-Identifier: Apache-2.0
package import Models
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import ServiceLifecycle

/// Answers `GET /metrics`, one request a connection: a scrape is short and rare, and a connection that stays is one that
/// somebody may hold for ever. Where there are too many, the oldest gives way: holding them keeps no scrape out.
package final class MetricsServer: Service {
    private static let mostConnections = 32
    /// From a connection's beginning to its end.
    private static let lifetime = TimeAmount.seconds(10)

    private let address: ListenAddress
    private let channel: any Channel
    private let group: any EventLoopGroup

    /// From the return on, the port accepts.
    /// - Parameter exposition: makes the answer.
    package init(address: ListenAddress, exposition: @escaping @Sendable () -> Exposition) async throws {
        self.address = address
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let connections = Connections(limit: Self.mostConnections)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 16)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    connections.enter(channel)
                    channel.closeFuture.whenComplete { _ in connections.leave(channel) }
                    let end = channel.eventLoop.scheduleTask(in: Self.lifetime) { channel.close(promise: nil) }
                    channel.closeFuture.whenComplete { _ in end.cancel() }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withPipeliningAssistance: false)
                    try channel.pipeline.syncOperations.addHandler(ScrapeHandler(exposition: exposition))
                }
            }
        do {
            channel =
                switch address {
                case .tcp(let host, let port): try await bootstrap.bind(host: host, port: Int(port)).get()
                case .unix(let path):
                    try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
                }
        } catch {
            try? await group.shutdownGracefully()
            throw MetricsServerError(description: "cannot serve metrics on \(address): \(error)")
        }
    }

    /// The port, where 0 was asked for.
    package var port: Int? { channel.localAddress?.port }

    /// Serves until the agent goes.
    package func run() async throws {
        try? await gracefulShutdown()
        try? await channel.close()
        try? await group.shutdownGracefully()
    }
}

package struct MetricsServerError: Error, CustomStringConvertible {
    package let description: String
}

/// Oldest first. Used on one event loop.
private final class Connections: @unchecked Sendable {
    private var open: [any Channel] = []
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    func enter(_ channel: any Channel) {
        if open.count == limit { open.removeFirst().close(promise: nil) }
        open.append(channel)
    }

    func leave(_ channel: any Channel) { open.removeAll { $0 === channel } }
}

private final class ScrapeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let exposition: @Sendable () -> Exposition
    private var isAnswered = false

    init(exposition: @escaping @Sendable () -> Exposition) { self.exposition = exposition }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // A body is not waited for: there is nothing that one could say.
        guard case .head(let request) = unwrapInboundIn(data), !isAnswered else { return }
        isAnswered = true
        let path = request.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)[0]
        if path != "/metrics" {
            answer(context, .notFound, "There is /metrics here, and nothing else.\n", request)
        } else if request.method != .GET && request.method != .HEAD {
            answer(context, .methodNotAllowed, "Metrics are read with GET.\n", request, allow: "GET, HEAD")
        } else {
            answer(context, .ok, exposition().text, request, type: Exposition.contentType)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(
        _ context: ChannelHandlerContext, _ status: HTTPResponseStatus, _ text: String, _ request: HTTPRequestHead,
        type: String = "text/plain; charset=utf-8", allow: String? = nil
    ) {
        var headers = HTTPHeaders([
            ("Content-Type", type), ("Content-Length", "\(text.utf8.count)"), ("Connection", "close"),
        ])
        if let allow { headers.add(name: "Allow", value: allow) }
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if request.method != .HEAD {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        }
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }
}
