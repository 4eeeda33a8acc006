// SPDX-License-Identifier: Apache-2.0
internal import Containers
internal import GRPCNIOTransportHTTP2Posix
internal import Glibc
internal import Models
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// The server's end of a listening socket: gives each connection its credentials and answers its PINGs.
final class SocketListener: HTTP2ServerTransport.ListenerFactory {
    let eventLoopGroup: any EventLoopGroup
    let address: ListenAddress
    /// Who is connected, for a unix socket.
    let peers: PeerTable
    private let refused: @Sendable (HookRefusal) -> Void
    private let file: SocketFile?
    private let tls: TLSContext?
    private let state: Mutex<State>

    private enum State {
        /// The kernel's listening socket, until the server takes it over.
        case listening(Int32)
        /// The server is taking it over; what is to happen then.
        case binding([@Sendable () -> Void])
        case done
    }

    /// From the return on, the kernel accepts connections.
    /// - Parameters:
    ///   - mode: permission bits, and group: its group, for a socket in the file system.
    ///   - tls: what TCP is protected by.
    ///   - isOpen: TCP may be open to other hosts even without.
    ///   - peers: where its connections are entered.
    ///   - refused: told of connections that are closed because there are too many.
    init(
        address: ListenAddress, mode: UInt32, group: UInt32? = nil, tls: TLSContext? = nil, isOpen: Bool = false,
        on eventLoopGroup: any EventLoopGroup, peers: PeerTable, refused: @escaping @Sendable (HookRefusal) -> Void
    ) throws(ListenError) {
        self.address = address
        self.peers = peers
        self.refused = refused
        self.eventLoopGroup = eventLoopGroup
        switch address {
        case .unix(let path):
            let file = try SocketFile.listen(path: path, mode: mode, group: group)
            self.file = file
            self.tls = nil
            state = Mutex(.listening(file.descriptor))
        case .tcp(let host, let port):
            self.file = nil
            self.tls = tls
            state = Mutex(.listening(try TCPSocket.listen(host: host, port: port, isOpen: isOpen || tls != nil)))
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

    /// Running out of descriptors is a state that passes, not the listener's end: NIO's own handler waits then, and
    /// whoever is in the backlog is accepted when somebody has gone.
    func makeListeningChannel(
        listenerConfigurator: HTTP2ServerTransport.ListenerConfigurator,
        connectionConfigurator: HTTP2ServerTransport.ConnectionConfigurator
    ) async throws -> NIOAsyncChannel<HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel, Never> {
        guard let descriptor = takeDescriptor(next: .binding([])) else { throw ChannelError.alreadyClosed }
        defer { endBinding() }
        let isUnix = file != nil
        let tls = tls
        return try await ServerBootstrap(group: eventLoopGroup)
            .serverChannelInitializer { listenerConfigurator.configure(channel: $0) }
            .bind(descriptor) { channel in
                (isUnix ? self.withCredentials(channel) : self.ofStranger(channel)).flatMap { known in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(PingAnswerer())
                        return known
                    }
                }.flatMap {
                    connectionConfigurator.configure(
                        channel: $0, tls: tls == nil ? .none : .configured(requireALPN: true))
                }
            }
    }

    /// The channel under the number by which its peer is known; closed, and an error, where that has no place.
    private func withCredentials(_ channel: any Channel) -> EventLoopFuture<any Channel> {
        guard let socket = channel as? any SocketOptionProvider else {
            channel.close(promise: nil)
            return channel.eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
        }
        let credentials: EventLoopFuture<PeerCredentials.Kernel> = socket.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
        return credentials.flatMap { kernel in
            Self.process(behind: socket, kernel, on: channel.eventLoop).map { PeerCredentials(kernel, process: $0) }
        }.flatMapThrowing { peer in
            CredentialChannel(channel, remoteAddress: try self.admit(channel, of: peer).address)
        }.flatMapErrorThrowing { error in
            channel.close(promise: nil)
            throw error
        }
    }

    /// The channel with TLS below what is to come, if there is TLS; closed, and an error, where it has no place.
    private func ofStranger(_ channel: any Channel) -> EventLoopFuture<any Channel> {
        channel.setOption(.tcpOption(.tcp_nodelay), value: 1).flatMapThrowing { [peers, tls] in
            let number = try self.admit(channel, of: .stranger)
            guard let tls else { return channel }
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(NIOSSLServerHandler(context: tls.current))
            // From then on it is somebody, and does not give way to those who may be nobody.
            try pipeline.addHandler(HandshakeLimit { _ = peers.beginCall(number) })
            return channel
        }.flatMapErrorThrowing { error in
            channel.close(promise: nil)
            throw error
        }
    }

    /// Throws where the table has no place for one more.
    private func admit(_ channel: any Channel, of peer: PeerCredentials) throws -> ConnectionNumber {
        let (number, evicted) = peers.admit(peer) { channel.close(promise: nil) }
        if let gone = number == nil ? peer : evicted {
            refused(.connection(uid: gone.uid, pid: gone.pid, to: address))
        }
        guard let number else { throw ChannelError.ioOnClosedChannel }
        channel.closeFuture.whenComplete { [peers] _ in peers.leave(number) }
        Self.end(channel, after: peers.limits?.lifetime)
        return number
    }

    /// The process that connected. From kernel 6.5 on the socket has kept hold of it. Before, it is looked up by its
    /// number, and what has become of that between connect and accept is not seen.
    private static func process(
        behind socket: any SocketOptionProvider, _ kernel: PeerCredentials.Kernel, on loop: any EventLoop
    ) -> EventLoopFuture<PinnedProcess?> {
        let descriptor: EventLoopFuture<Int32> = socket.unsafeGetSocketOption(
            level: .socket, name: NIOBSDSocket.Option(rawValue: peerDescriptor))
        return descriptor.map { PinnedProcess(adopting: $0) }.flatMapError { error in
            let isUnknown = (error as? IOError)?.errnoCode == ENOPROTOOPT
            return loop.makeSucceededFuture(
                isUnknown ? PinnedProcess(pid: UInt32(clamping: kernel.pid)) : nil)
        }
    }

    /// SO_PEERPIDFD, which Debian 12's headers do not have.
    private static let peerDescriptor: CInt = 77

    private static func end(_ channel: any Channel, after lifetime: Duration?) {
        guard let lifetime else { return }
        let end = channel.eventLoop.scheduleTask(in: TimeAmount(lifetime)) { channel.close(promise: nil) }
        channel.closeFuture.whenComplete { _ in end.cancel() }
    }
}
