// SPDX-License-Identifier: Apache-2.0
package import Containers
package import Events
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix
package import Logging
package import Models
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import Synchronization

/// The agent's endpoints: the API for clients, the hook's own socket, and where they are wanted one for a group that
/// may read and one for probes.
///
/// The hook's has an event loop to itself, so that a container's start never waits behind a stream of events.
package final class APIServer: Service {
    package struct Configuration: Sendable {
        package var serverAddress: ListenAddress
        package var hookAddress: ListenAddress
        /// Events that wait for one client.
        package var eventQueueSize: Int
        /// What the main address is protected by where it is a TCP port.
        package var tls: TLSFiles?
        /// The group whose members may read, on a socket beside the main one.
        package var readers: UInt32?
        /// Where the standard health service alone is served.
        package var healthAddress: ListenAddress?

        package init(
            serverAddress: ListenAddress, hookAddress: ListenAddress, eventQueueSize: Int = 16_000,
            tls: TLSFiles? = nil, readers: UInt32? = nil, healthAddress: ListenAddress? = nil
        ) {
            self.serverAddress = serverAddress
            self.hookAddress = hookAddress
            self.eventQueueSize = eventQueueSize
            self.tls = tls
            self.readers = readers
            self.healthAddress = healthAddress
        }

        /// `apus-read.sock` beside `apus.sock`.
        package var readAddress: ListenAddress? {
            guard readers != nil, case .unix(let path) = serverAddress else { return nil }
            let stem = path.hasSuffix(".sock") ? path.dropLast(".sock".count) : path[...]
            return .unix(path: stem + "-read.sock")
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

    /// A message is one request: a GetEvents filter, a container's description, a policy.
    private static let largestRequest = 4 << 20
    /// What one connection of the hook's socket, where everybody may connect, can have the agent hold.
    private static let largestHookRequest = 1 << 20
    private static let largestReadRequest = 64 << 10
    /// Calls of one connection at a time. Each GetEvents among them may hold a queue full of events.
    private static let mostStreams = 100
    /// What calls under way get to end by themselves when the agent goes.
    private static let gracePeriod = Duration.seconds(2)

    private let configuration: Configuration
    private let service: SensorsService
    private let streams: OpenStreams
    private let nodeService: NodeService
    private let hookService: HookService
    private let readService: ReadService
    private let healthService: HealthService
    private let peers: PeerTable
    private let hookPeers = PeerTable(limits: .init())
    private let readPeers = PeerTable(limits: .readers)
    private let log: Logger
    private let refused: @Sendable (HookRefusal) -> Void
    private let state = Mutex(State.idle)
    private let stopping: ReadyGate

    /// - Parameters:
    ///   - health: how an agent is that is ready.
    ///   - plan: what the policies of a text would become.
    ///   - log: told when certificates are replaced.
    package init(
        configuration: Configuration, hub: EventHub, ready: ReadyGate,
        health: @escaping @Sendable () -> HealthReport, info: @escaping @Sendable () -> InfoReport,
        debug: DebugAccess, sensors: SensorAccess, policies: PolicyAccess,
        containers: @escaping @Sendable () async -> [KnownContainer],
        ledger: @escaping @Sendable () async -> Ledger?,
        plan: @escaping @Sendable (String) async -> [PlannedPolicy], register: @escaping Register,
        refused: @escaping @Sendable (HookRefusal) -> Void, log: Logger
    ) {
        self.configuration = configuration
        self.refused = refused
        self.log = log
        let stopping = ReadyGate()
        self.stopping = stopping
        // TCP without TLS is loopback, and its clients are as good as the node's own.
        peers = PeerTable(limits: configuration.tls == nil ? nil : .strangers)
        let health: @Sendable () -> HealthReport = {
            ready.isOpen ? health() : HealthReport(.stopped, details: "starting")
        }
        healthService = HealthService(health: health, stopping: stopping)
        nodeService = NodeService(containers: containers, ledger: ledger, plan: plan, dump: policies.dump)
        let streams = OpenStreams()
        self.streams = streams
        func service(_ peers: PeerTable, _ debug: DebugEndpoint, _ sensors: SensorTable) -> SensorsService {
            SensorsService(
                events: EventStream(
                    hub: hub, ready: ready, streams: streams, peers: peers, capacity: configuration.eventQueueSize),
                hook: HookEndpoint(register: register, refused: refused, peers: peers, onlyRoot: true),
                debug: debug, sensors: sensors, policies: PolicyEndpoint(access: policies), health: health, info: info)
        }
        let (debug, sensors) = (DebugEndpoint(debug), SensorTable(sensors, policies))
        self.service = service(peers, debug, sensors)
        readService = ReadService(service: service(readPeers, debug, sensors))
        hookService = HookService(
            hook: HookEndpoint(register: register, refused: refused, peers: hookPeers, onlyRoot: false))
    }

    /// Makes the sockets: from the return on they accept. Calls are answered once ``run()`` is under way.
    package func start() throws(ListenError) {
        var endpoints: [Endpoint] = []
        do throws(ListenError) {
            let tls = try tlsContext()
            endpoints.append(
                endpoint(
                    try listener(configuration.serverAddress, mode: 0o600, tls: tls, peers: peers),
                    [service, nodeService, healthService, ReflectionService()], Self.transport))
            var hook = Self.transport
            hook.rpc.maxRequestPayloadSize = Self.largestHookRequest
            hook.http2.maxConcurrentStreams = 1
            endpoints.append(
                endpoint(try listener(configuration.hookAddress, mode: 0o666, peers: hookPeers), [hookService], hook))
            var small = Self.transport
            small.rpc.maxRequestPayloadSize = Self.largestReadRequest
            small.http2.maxConcurrentStreams = 16
            if let address = configuration.readAddress, let group = configuration.readers {
                endpoints.append(
                    endpoint(
                        try listener(address, mode: 0o660, group: group, peers: readPeers),
                        [readService, healthService], small))
            }
            if let address = configuration.healthAddress {
                endpoints.append(
                    endpoint(
                        try listener(address, mode: 0o666, isOpen: true, peers: PeerTable(limits: .probes)),
                        [healthService], small))
            }
        } catch {
            for endpoint in endpoints { endpoint.listener.close() }
            throw error
        }
        state.withLock { [endpoints] in $0 = .listening(endpoints) }
    }

    private static var transport: Transport.Config {
        var configuration = Transport.Config.defaults
        configuration.rpc.maxRequestPayloadSize = largestRequest
        configuration.http2.maxConcurrentStreams = mostStreams
        // Events come in batches already, and an answer to a hook is what a container waits for: nothing is gained by
        // holding a flush back.
        configuration.connection.flushCoalescing = nil
        return configuration
    }

    private func listener(
        _ address: ListenAddress, mode: UInt32, group: UInt32? = nil, tls: TLSContext? = nil, isOpen: Bool = false,
        peers: PeerTable
    ) throws(ListenError) -> SocketListener {
        try SocketListener(
            address: address, mode: mode, group: group, tls: tls, isOpen: isOpen,
            on: MultiThreadedEventLoopGroup(numberOfThreads: 1), peers: peers, refused: refused)
    }

    private func tlsContext() throws(ListenError) -> TLSContext? {
        guard let files = configuration.tls else { return nil }
        guard case .tcp = configuration.serverAddress else {
            throw ListenError(configuration.serverAddress, "a unix socket has no TLS; who may use it, its mode says")
        }
        do throws(TLSError) {
            return try TLSContext(files) { [log] outcome in
                switch outcome {
                case .success: log.info("certificates replaced", metadata: ["certificate": "\(files.certificate)"])
                case .failure(let error):
                    log.error("certificates not replaced: the old ones stay in use", metadata: ["error": "\(error)"])
                }
            }
        } catch {
            throw ListenError(configuration.serverAddress, "\(error)")
        }
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
