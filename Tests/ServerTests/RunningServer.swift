// SPDX-License-Identifier: Apache-2.0
import Containers
import Events
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Logging
import Models
import Policies
import PolicyEngine
import Processes
import Server
import ServiceLifecycle
import Symbols
import Synchronization
import TetragonAPI

/// A server on sockets of its own for the length of a test.
struct RunningServer: Sendable {
    typealias Client = Tetragon_FineGuidanceSensors.Client<HTTP2ClientTransport.Posix>

    let directory: String
    let hub = EventHub()
    let ready = ReadyGate()
    let registered = Registrations()
    let agent = FakeAgent()
    var registry = ContainerRegistry(host: NamespaceKey(mount: 1, pid: 1))

    var mainPath: String { directory + "/run/apus.sock" }
    var hookPath: String { directory + "/run/hook.sock" }
    var readPath: String { directory + "/run/apus-read.sock" }

    /// What the server is told of the agent, and does to it.
    final class FakeAgent: Sendable {
        struct State: Sendable {
            var level = Logger.Level.info
            var health = HealthReport(.running, details: "running")
            var ledger: Ledger?
            var plan: @Sendable (String) -> [PlannedPolicy] = { _ in [] }
            var programs = ["exec", "exit"]
            var isTestOn = false
            var policies: [PolicyStatus] = []
            var policyDump = PolicyDump()
            /// What was asked for about policies, and the error that it is answered with.
            var policyCalls: [String] = []
            var policyError: (any Error)?
            var trees: [String: StackTree.Node] = [:]
            var exposesAddresses = false
            var processes: [TrackedProcess] = []
            /// Called before each page.
            var beforePage: (@Sendable () async -> Void)?
        }

        let state = Mutex(State())

        var now: State { state.withLock { $0 } }

        func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

        /// Notes a call about policies.
        func noteCall(_ call: String) throws {
            try state.withLock {
                $0.policyCalls.append(call)
                if let error = $0.policyError { throw error }
            }
        }

        /// The processes of one pid at a time.
        func page(of pids: ArraySlice<UInt32>) async -> TrackedPage {
            let (before, processes) = state.withLock { ($0.beforePage, $0.processes) }
            await before?()
            return TrackedPage(processes: processes.filter { $0.pid == pids.first }, covered: 1)
        }
    }

    /// What `register` was called with; throws what it is told to.
    final class Registrations: Sendable {
        private let calls = Mutex<[(container: Tetragon_CreateContainer, peer: PeerCredentials)]>([])
        private let failure = Mutex<RegistrationError?>(nil)
        private let refusals = Mutex<[HookRefusal]>([])

        var all: [(container: Tetragon_CreateContainer, peer: PeerCredentials)] { calls.withLock { $0 } }

        /// What the server told of as refused.
        var refused: [HookRefusal] { refusals.withLock { $0 } }

        func note(_ refusal: HookRefusal) { refusals.withLock { $0.append(refusal) } }

        func fail(with error: RegistrationError) { failure.withLock { $0 = error } }

        func add(_ container: Tetragon_CreateContainer, _ peer: PeerCredentials) throws {
            if let error = failure.withLock({ $0 }) { throw error }
            calls.withLock { $0.append((container, peer)) }
        }
    }

    static func with(
        ready isReady: Bool = true, eventQueueSize: Int = 16_000, address: ListenAddress? = nil,
        registry: ContainerRegistry = ContainerRegistry(host: NamespaceKey(mount: 1, pid: 1)),
        configure: (inout APIServer.Configuration) -> Void = { _ in },
        _ body: @Sendable @escaping (RunningServer) async throws -> Void
    ) async throws {
        let running = RunningServer(directory: try temporaryDirectory(), registry: registry)
        defer { try? FileManager.default.removeItem(atPath: running.directory) }
        if isReady { running.ready.open() }
        let server = running.makeServer(address: address, eventQueueSize: eventQueueSize, configure: configure)
        try server.start()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            // What the agent's writer does when nothing more is about to come.
            let clock = Task {
                while !Task.isCancelled {
                    running.hub.deliver(everything: true)
                    try? await Task.sleep(for: .milliseconds(5))
                }
            }
            defer { clock.cancel() }
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await body(running)) } catch { outcome = .failure(error) }
            server.shutdown()
            try await group.waitForAll()
            try outcome.get()
        }
    }

    func makeServer(
        address: ListenAddress? = nil, eventQueueSize: Int = 16_000,
        configure: (inout APIServer.Configuration) -> Void = { _ in }
    ) -> APIServer {
        var configuration = APIServer.Configuration(
            serverAddress: address ?? .unix(path: mainPath), hookAddress: .unix(path: hookPath),
            eventQueueSize: eventQueueSize)
        configure(&configuration)
        return APIServer(
            configuration: configuration, hub: hub, ready: ready, health: { [agent] in agent.now.health },
            info: {
                InfoReport(
                    features: [
                        .init(name: "btf", isPresent: true, reason: "", without: "nothing"),
                        .init(name: "kprobe", isPresent: false, reason: "no such file", without: "no policies"),
                    ], options: [.init(name: "rb-size", value: "8M")])
            },
            debug: DebugAccess(
                logLevel: { [agent] in agent.now.level },
                setLogLevel: { [agent] level in agent.change { $0.level = level } },
                pids: { [agent] in Set(agent.now.processes.map(\.pid)).sorted() },
                page: { [agent] in await agent.page(of: $0) }),
            sensors: SensorAccess(
                basePrograms: { [agent] in agent.now.programs },
                setTest: { [agent] isOn in agent.change { $0.isTestOn = isOn } },
                stackTree: { [agent] name in agent.now.trees[name] },
                exposesAddresses: { [agent] in agent.now.exposesAddresses }),
            policies: PolicyAccess(
                list: { [agent] in agent.now.policies }, add: { [agent] in try agent.noteCall("add \($0)") },
                delete: { [agent] in try agent.noteCall("delete \($0)") },
                enable: { [agent] in try agent.noteCall("enable \($0)") },
                disable: { [agent] in try agent.noteCall("disable \($0)") },
                dump: { [agent] in agent.now.policyDump },
                configure: { [agent] key, isEnabled, mode in
                    let asked = ["\(key)", isEnabled.map { "enabled \($0)" }, mode.map { "\($0)" }]
                    try agent.noteCall("configure \(asked.compactMap(\.self).joined(separator: " "))")
                }),
            containers: { [registry] in registry.known },
            ledger: { [agent] in agent.now.ledger },
            plan: { [agent] in agent.now.plan($0) },
            register: { [registered] in try registered.add($0, $1) },
            refused: { [registered] in registered.note($0) },
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    func withClient<Result: Sendable>(
        _ path: String? = nil, _ body: @Sendable @escaping (Client) async throws -> Result
    ) async throws -> Result {
        try await Self.withClient(.unixDomainSocket(path: path ?? mainPath), body)
    }

    static func withClient<Result: Sendable>(
        _ target: any ResolvableTarget, _ body: @Sendable @escaping (Client) async throws -> Result
    ) async throws -> Result {
        try await withConnection(target) { try await body(Client(wrapping: $0)) }
    }

    /// For services beside the API's own.
    static func withConnection<Result: Sendable>(
        _ target: any ResolvableTarget, security: HTTP2ClientTransport.Posix.TransportSecurity = .plaintext,
        _ body: @Sendable @escaping (GRPCClient<HTTP2ClientTransport.Posix>) async throws -> Result
    ) async throws -> Result {
        let transport = try HTTP2ClientTransport.Posix(
            target: target, transportSecurity: security,
            config: .defaults { $0.http2.authority = "localhost" })
        return try await withGRPCClient(transport: transport) { try await body($0) }
    }

    static func temporaryDirectory() throws -> String {
        let path = "/tmp/apus-test-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        return path
    }
}

/// Waits until something holds, for at most ten seconds.
func eventually(_ condition: @Sendable () async throws -> Bool) async throws -> Bool {
    for _ in 0..<1000 {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return false
}
