// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOHTTP1
import NIOPosix
package import NIOSSL
import Synchronization

/// A server of the API's form that answers as a test scripts it, byte by byte and moment by moment.
package final class APIServer: Sendable {
    package struct Request: Sendable {
        package let path: String
        package let query: [String: String]
        package let token: String?
        package var isWatch: Bool { query["watch"] == "true" }
    }

    package enum Step: Sendable {
        case text(String)
        case pause(Duration)
        /// What a test says while the connection is open.
        case lines(AsyncStream<String>)
        /// Stays open and says nothing more.
        case hang
        /// Closes the connection in the midst of the answer.
        case cut
    }

    package struct Reply: Sendable {
        package var status = 200
        package var location: String?
        package var steps: [Step]

        package init(status: Int = 200, location: String? = nil, steps: [Step]) {
            self.status = status
            self.location = location
            self.steps = steps
        }

        package static func text(_ text: String, _ status: Int = 200) -> Reply {
            Reply(status: status, steps: [.text(text)])
        }

        /// A watch's lines, after which it ends as told.
        package static func watch(_ lines: [String], then end: Step? = .hang) -> Reply {
            Reply(steps: lines.map { .text($0 + "\n") } + [end].compactMap { $0 })
        }
    }

    private let script: Script
    private let channel: any Channel
    package let port: Int

    package var requests: [Request] { script.received.withLock { $0 } }
    package var lists: [Request] { requests.filter { !$0.isWatch } }
    package var watches: [Request] { requests.filter(\.isWatch) }

    /// `answer` gets the request and how many of its kind (lists or watches) came before.
    package init(tls: TLSConfiguration? = nil, _ answer: @escaping @Sendable (Request, Int) -> Reply) async throws {
        let context = try tls.map { try NIOSSLContext(configuration: $0) }
        let script = Script(answer: answer)
        self.script = script
        channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let context { try pipeline.addHandler(NIOSSLServerHandler(context: context)) }
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(Handler(script))
                }
            }.bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    package func stop() async throws { try await channel.close() }

    private final class Script: Sendable {
        let answer: @Sendable (Request, Int) -> Reply
        let received = Mutex<[Request]>([])

        init(answer: @escaping @Sendable (Request, Int) -> Reply) { self.answer = answer }

        func reply(_ request: Request) -> Reply {
            let before = received.withLock { received in
                defer { received.append(request) }
                return received.count { $0.isWatch == request.isWatch }
            }
            return answer(request, before)
        }
    }

    private static func play(_ reply: Reply, on channel: any Channel) async throws {
        func send(_ part: HTTPServerResponsePart) async throws { try await channel.writeAndFlush(part) }
        var head = HTTPResponseHead(version: .http1_1, status: HTTPResponseStatus(statusCode: reply.status))
        if let location = reply.location { head.headers.add(name: "Location", value: location) }
        try await send(.head(head))
        for step in reply.steps {
            switch step {
            case .text(let text): try await send(.body(.byteBuffer(ByteBuffer(string: text))))
            case .pause(let time): try await Task.sleep(for: time)
            case .lines(let lines):
                for await line in lines { try await send(.body(.byteBuffer(ByteBuffer(string: line + "\n")))) }
            case .hang: return try await channel.closeFuture.get()
            case .cut: return try await channel.close()
            }
        }
        try await send(.end(nil))
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let script: Script
        private var head: HTTPRequestHead?

        init(_ script: Script) { self.script = script }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head): self.head = head
            case .body: break
            case .end:
                guard let head else { return }
                let reply = script.reply(Self.request(head))
                let channel = context.channel
                Task { try await APIServer.play(reply, on: channel) }
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        private static func request(_ head: HTTPRequestHead) -> Request {
            let parts = head.uri.split(separator: "?", maxSplits: 1)
            var query: [String: String] = [:]
            for pair in parts.count > 1 ? parts[1].split(separator: "&") : [] {
                let sides = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                query[String(sides[0])] = sides.count > 1 ? String(sides[1]) : ""
            }
            return Request(path: String(parts[0]), query: query, token: head.headers.first(name: "Authorization"))
        }
    }
}
