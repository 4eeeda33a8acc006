// SPDX-License-Identifier: Apache-2.0
internal import NIOCore
internal import NIOTLS

/// Closes a connection whose TLS handshake takes too long: who cannot show what the server asks for holds no place.
final class HandshakeLimit: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private static let longest = TimeAmount.seconds(10)

    private let isDone: () -> Void
    private var end: Scheduled<Void>?

    /// - Parameter isDone: called when the peer has shown all that it was asked for.
    init(isDone: @escaping () -> Void) { self.isDone = isDone }

    func handlerAdded(context: ChannelHandlerContext) {
        let channel = context.channel
        end = context.eventLoop.scheduleTask(in: Self.longest) { channel.close(promise: nil) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { end?.cancel() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            end?.cancel()
            isDone()
        }
        context.fireUserInboundEventTriggered(event)
    }
}
