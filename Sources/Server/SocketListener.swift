// SPDX-License-Identifier: Apache-2.0
internal import GRPCNIOTransportHTTP2Posix
internal import Glibc
internal import Models
internal import NIOCore
internal import NIOPosix

/// The server's end of a listening socket: gives each connection its credentials and answers its PINGs.
struct SocketListener: HTTP2ServerTransport.ListenerFactory {
    let eventLoopGroup: any EventLoopGroup
    let address: ListenAddress
    private let descriptor: Int32
    private let file: SocketFile?

    /// From the return on, the kernel accepts connections.
    /// - Parameter mode: permission bits, for a socket in the file system.
    init(address: ListenAddress, mode: UInt32, on group: any EventLoopGroup) throws(ListenError) {
        self.address = address
        self.eventLoopGroup = group
        switch address {
        case .unix(let path):
            let file = try SocketFile.listen(path: path, mode: mode)
            self.file = file
            self.descriptor = file.descriptor
        case .tcp(let host, let port):
            self.file = nil
            self.descriptor = try TCPSocket.listen(host: host, port: port)
        }
    }

    /// Removes the socket from the file system.
    func removeFile() { file?.remove() }

    /// For a listener that will never be handed to a server.
    func abandon() {
        removeFile()
        close(descriptor)
    }

    func makeListeningChannel(
        listenerConfigurator: HTTP2ServerTransport.ListenerConfigurator,
        connectionConfigurator: HTTP2ServerTransport.ConnectionConfigurator
    ) async throws -> NIOAsyncChannel<HTTP2ServerTransport.ConnectionConfigurator.ConnectionChannel, Never> {
        let isUnix = file != nil
        return try await ServerBootstrap(group: eventLoopGroup)
            .serverChannelInitializer { listenerConfigurator.configure(channel: $0) }
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
