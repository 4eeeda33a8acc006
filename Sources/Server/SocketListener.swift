// SPDX-License-Identifier: Apache-2.0
internal import GRPCNIOTransportHTTP2Posix
internal import Glibc
internal import Models
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// The server's end of a listening socket: gives each connection its credentials and answers its PINGs.
final class SocketListener: HTTP2ServerTransport.ListenerFactory {
    let eventLoopGroup: any EventLoopGroup
    let address: ListenAddress
    private let file: SocketFile?
    private let state: Mutex<State>

    private enum State {
        /// The kernel's listening socket, until the server takes it over.
        case listening(Int32)
        /// The server is taking it over; what is to happen then.
        case binding([@Sendable () -> Void])
        case done
    }

    /// From the return on, the kernel accepts connections.
    /// - Parameter mode: permission bits, for a socket in the file system.
    init(address: ListenAddress, mode: UInt32, on group: any EventLoopGroup) throws(ListenError) {
        self.address = address
        self.eventLoopGroup = group
        switch address {
        case .unix(let path):
            let file = try SocketFile.listen(path: path, mode: mode)
            self.file = file
            state = Mutex(.listening(file.descriptor))
        case .tcp(let host, let port):
            self.file = nil
            state = Mutex(.listening(try TCPSocket.listen(host: host, port: port)))
        }
    }

    /// Ends what is left when the server has ended, or was never there: socket, file and event loops.
    func close() {
        if let descriptor = takeDescriptor(next: .done) { Glibc.close(descriptor) }
        file?.remove()
        eventLoopGroup.shutdownGracefully { _ in }
    }

    private func takeDescriptor(next: State) -> Int32? {
        state.withLock { state in
            guard case .listening(let descriptor) = state else { return nil }
            state = next
            return descriptor
        }
    }

    /// Runs `action`, which ends the server: at once, unless the server is just taking the socket over; then, when it
    /// has. A server that has not begun to will not any more. (NIO does not expect a channel to be closed while it is
    /// being registered.)
    func stop(_ action: @escaping @Sendable () -> Void) {
        if let descriptor = takeDescriptor(next: .done) { Glibc.close(descriptor) }
        let isBinding = state.withLock { state in
            guard case .binding(let actions) = state else { return false }
            state = .binding(actions + [action])
            return true
        }
        if !isBinding { action() }
    }

    private func endBinding() {
        let actions = state.withLock { state -> [@Sendable () -> Void] in
            guard case .binding(let actions) = state else { return [] }
            state = .done
            return actions
        }
        for action in actions { action() }
    }

    func makeListeningChannel(
        listenerConfigurator: HTTP2ServerTransport.ListenerConfigurator,
        connectionConfigurator: HTTP2ServerTransport.ConnectionConfigurator
    ) async throws -> NIOAsyncChannel<HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel, Never> {
        guard let descriptor = takeDescriptor(next: .binding([])) else { throw ChannelError.alreadyClosed }
        defer { endBinding() }
        let isUnix = file != nil
        return try await ServerBootstrap(group: eventLoopGroup)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ScarceDescriptors())
                }.flatMap { listenerConfigurator.configure(channel: channel) }
            }
            .bind(descriptor) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(PingAnswerer())
                }.flatMap {
                    isUnix ? Self.withCredentials(channel) : Self.withoutDelay(channel)
                }.flatMap {
                    connectionConfigurator.configure(channel: $0, tls: .none)
                }
            }
    }

    private static func withCredentials(_ channel: any Channel) -> EventLoopFuture<any Channel> {
        guard let socket = channel as? any SocketOptionProvider else {
            return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }
        let name = NIOBSDSocket.Option(rawValue: SO_PEERCRED)
        return socket.unsafeGetSocketOption(level: .socket, name: name)
            .flatMapThrowing { (kernel: PeerCredentials.Kernel) in
                CredentialChannel(channel, remoteAddress: try PeerCredentials(kernel).address)
            }
    }

    private static func withoutDelay(_ channel: any Channel) -> EventLoopFuture<any Channel> {
        channel.setOption(.tcpOption(.tcp_nodelay), value: 1).map { channel }
    }
}

/// Running out of descriptors is a state that passes, not the listener's end: whoever waits in the backlog is accepted
/// when somebody has gone.
private final class ScarceDescriptors: ChannelInboundHandler {
    typealias InboundIn = any Channel

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let passing = [EMFILE, ENFILE, ENOBUFS, ENOMEM]
        if let error = error as? IOError, passing.contains(error.errnoCode) { return }
        context.fireErrorCaught(error)
    }
}
