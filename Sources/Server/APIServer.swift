// SPDX-License-Identifier: Apache-2.0
package import Containers
package import Events
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
package import Models
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import Synchronization

/// The agent's two endpoints: the API for clients, and the hook's own socket.
///
/// The hook's has an event loop to itself, so that a container's start never waits behind a stream of events.
package final class APIServer: Service {
    package struct Configuration: Sendable {
        package var serverAddress: ListenAddress
        package var hookAddress: ListenAddress
        /// Events that wait for one client.
        package var eventQueueSize: Int

        package init(serverAddress: ListenAddress, hookAddress: ListenAddress, eventQueueSize: Int = 16_000) {
            self.serverAddress = serverAddress
            self.hookAddress = hookAddress
            self.eventQueueSize = eventQueueSize
        }
    }

    private typealias Transport = HTTP2ServerTransport.Custom<SocketListener>

    /// What one endpoint consists of while it runs.
    private struct Endpoint: Sendable {
        let listener: SocketListener
        let server: GRPCServer<Transport>
        let executor: EventLoopExecutor
    }

    private enum State: Sendable {
        case idle
        case listening([Endpoint])
        case serving([Endpoint])
        case stopped
    }

    /// A message is one request: a GetEvents filter, a container's description, later a policy.
    private static let largestRequest = 4 << 20
    /// What one connection of the hook's socket, where everybody may connect, can have the agent hold.
    private static let largestHookRequest = 1 << 20
    /// What calls under way get to end by themselves when the agent goes.
    private static let gracePeriod = Duration.seconds(2)

    private let configuration: Configuration
    private let service: SensorsService
    private let streams = OpenStreams()
    private let containersService: ContainersService
    private let hookService: HookService
    private let peers = PeerTable()
    private let hookPeers = PeerTable(limits: .init())
    private let refused: @Sendable (HookRefusal) -> Void
    private let state = Mutex(State.idle)
    private let stopping = ReadyGate()

    package init(
        configuration: Configuration, hub: EventHub, ready: ReadyGate,
        health: @escaping @Sendable () -> HealthReport, info: @escaping @Sendable () -> InfoReport,
        containers: @escaping @Sendable () async -> [KnownContainer], register: @escaping Register,
        refused: @escaping @Sendable (HookRefusal) -> Void
    ) {
        self.configuration = configuration
        self.refused = refused
        containersService = ContainersService(containers: containers)
        service = SensorsService(
            events: EventStream(
                hub: hub, ready: ready, streams: streams, peers: peers, capacity: configuration.eventQueueSize),
            hook: HookEndpoint(register: register, refused: refused, peers: peers, onlyRoot: true),
            ready: ready, health: health, info: info)
        hookService = HookService(
            hook: HookEndpoint(register: register, refused: refused, peers: hookPeers, onlyRoot: false))
    }

    /// Makes both sockets: from the return on they accept. Calls are answered once ``run()`` is under way.
    package func start() throws(ListenError) {
        let main = try SocketListener(
            address: configuration.serverAddress, mode: 0o600, on: MultiThreadedEventLoopGroup(numberOfThreads: 1),
            peers: peers, refused: refused)
        let hook: SocketListener
        do throws(ListenError) {
            hook = try SocketListener(
                address: configuration.hookAddress, mode: 0o666, on: MultiThreadedEventLoopGroup(numberOfThreads: 1),
                peers: hookPeers, refused: refused)
        } catch {
            main.close()
            throw error
        }
        var configuration = Transport.Config.defaults
        configuration.rpc.maxRequestPayloadSize = Self.largestRequest
        // Events come in batches already, and an answer to a hook is what a container waits for: nothing is gained by
        // holding a flush back.
        configuration.connection.flushCoalescing = nil
        var hookConfiguration = configuration
        hookConfiguration.rpc.maxRequestPayloadSize = Self.largestHookRequest
        hookConfiguration.http2.maxConcurrentStreams = 1
        let endpoints = [
            endpoint(main, [service, containersService], configuration),
            endpoint(hook, [hookService], hookConfiguration),
        ]
        state.withLock { $0 = .listening(endpoints) }
    }

    /// Serves until ``shutdown()``, a graceful shutdown or cancellation. Removes the sockets at the end.
    package func run() async throws {
        var endpoints = state.withLock { state -> [Endpoint] in
            guard case .listening(let endpoints) = state else { return [] }
            state = .serving(endpoints)
            return endpoints
        }
        precondition(!endpoints.isEmpty, "start() comes once before run()")
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await serve(endpoints)) } catch { outcome = .failure(error) }
        // The event loops end last, when no transport is left that could still want to use one.
        let listeners = endpoints.map(\.listener)
        state.withLock { $0 = .stopped }
        endpoints = []
        for listener in listeners { listener.close() }
        // A server that was told to stop before it served says so; that is not an error.
        if !stopping.isOpen { try outcome.get() }
    }

    private func serve(_ endpoints: [Endpoint]) async throws {
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await Self.serveAll(endpoints) }
                group.addTask {
                    try await self.stopping.pass()
                    try await Task.sleep(for: Self.gracePeriod)
                }
                // Either all calls have ended, or those that have not had their time.
                try await group.next()
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.shutdown()
        }
    }

    private static func serveAll(_ endpoints: [Endpoint]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for endpoint in endpoints {
                group.addTask(executorPreference: endpoint.executor) {
                    try await endpoint.server.serve()
                }
            }
            try await group.waitForAll()
        }
    }

    /// Ends the streams with UNAVAILABLE, lets other calls finish, and takes no new ones. ``run()`` then returns, also
    /// if it is called only now.
    package func shutdown() {
        stopping.open()
        streams.close()
        let endpoints = state.withLock { state -> [Endpoint] in
            switch state {
            case .listening(let endpoints), .serving(let endpoints): endpoints
            case .idle, .stopped: []
            }
        }
        for endpoint in endpoints { endpoint.listener.stop { endpoint.server.beginGracefulShutdown() } }
    }

    private func endpoint(
        _ listener: SocketListener, _ services: [any RegistrableRPCService], _ configuration: Transport.Config
    ) -> Endpoint {
        let transport = Transport(listenerFactory: listener, config: configuration)
        return Endpoint(
            listener: listener, server: GRPCServer(transport: transport, services: services),
            executor: EventLoopExecutor(listener.eventLoopGroup.any()))
    }
}
