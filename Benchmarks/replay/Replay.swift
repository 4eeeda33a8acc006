// SPDX-License-Identifier: Apache-2.0
import Containers
import Events
import Export
import GRPCNIOTransportHTTP2Posix
import Glibc
import Logging
import Models
import Processes
import Server
import Synchronization

/// The agent's road from the ring's bytes to its readers without the ring: one process's records, as the kernel sent
/// them, lived again and again, as fast as the readers take them or at a rate. What it costs is the agent's own.
///
///     apus-replay EVENTS RATE ARGUMENT_BYTES SOCKET SUBSCRIBERS [EXPORT_FILE]
///
/// Waits for the subscribers, and prints an object: events, their bytes, deliveries and losses; nanoseconds by the clock,
/// of CPU time of all threads, and of that the thread's that reads records and makes events. RATE is events a second, 0
/// for as fast as nobody loses any.
@main struct Replay {
    static func main() async {
        do {
            let words = CommandLine.arguments.dropFirst()
            guard words.count == 5 || words.count == 6, let events = UInt64(words[1]), let rate = UInt64(words[2]),
                let bytes = Int(words[3]), let subscribers = Int(words[5]), bytes < 100_000
            else {
                throw ReplayError("usage: apus-replay EVENTS RATE ARGUMENT_BYTES SOCKET SUBSCRIBERS [EXPORT_FILE]")
            }
            signal(SIGPIPE, SIG_IGN)
            let road = try Road(argumentBytes: bytes, exportFile: words.count == 6 ? words[6] : nil)
            try await road.serve(at: words[4], to: subscribers) { print(await road.run(events, rate)) }
            // Neither the receivers' end nor the file's matters any more.
            fflush(nil)
            exit(0)
        } catch {
            let text = Array("apus-replay: \(error)\n".utf8)
            _ = write(STDERR_FILENO, text, text.count)
            exit(1)
        }
    }
}

/// The rooms as the agent wires them, without those that tell of containers.
private final class Road: Sendable {
    private let encoder = EventEncoder(node: "node-1", cluster: "")
    private let hub: EventHub
    private let exporter: JSONExporter?
    private let life: RecordedLife
    private static let log = Logger(label: "replay") { _ in SwiftLogNoOpLogHandler() }

    private static let capacity = 16_000
    private static let batch = 256

    init(argumentBytes: Int, exportFile: String?) throws {
        let hub = EventHub(encoder: encoder)
        self.hub = hub
        life = try RecordedLife(argumentBytes: argumentBytes)
        guard let exportFile else {
            exporter = nil
            return
        }
        var configuration = ExportConfiguration(path: exportFile)
        configuration.rotation = RotationPolicy(maxSize: 100 << 30)
        exporter = try JSONExporter(configuration, hub: hub, encoder: encoder, logger: Self.log)
    }

    /// Until `body` returns, which it calls when all subscribers are there.
    func serve(at socket: String, to subscribers: Int, _ body: @Sendable () async -> Void) async throws {
        let ready = ReadyGate()
        ready.open()
        let server = APIServer(
            configuration: .init(
                serverAddress: .unix(path: socket), hookAddress: .unix(path: socket + "-hook"),
                eventQueueSize: Self.capacity),
            hub: hub, ready: ready, health: { HealthReport(.running, details: "running") },
            info: { InfoReport(features: [], options: []) },
            debug: DebugAccess(
                logLevel: { .info }, setLogLevel: { _ in }, pids: { [] }, page: { TrackedPage(covered: $0.count) }),
            sensors: SensorAccess(basePrograms: { [] }, setTest: { _ in }), policies: .none, containers: { [] },
            ledger: { nil }, plan: { _ in [] },
            register: { _, _ in throw ReplayError("no container here") }, refused: { _ in }, log: Self.log)
        try server.start()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await server.run() }
            if let exporter { group.addTask { await exporter.run() } }
            while readers < subscribers { try? await Task.sleep(for: .milliseconds(5)) }
            await body()
            server.shutdown()
            hub.close()
        }
    }

    private var readers: Int { hub.accounts.count { $0.name.hasPrefix("grpc") } }

    func run(_ events: UInt64, _ rate: UInt64) async -> String {
        // In a thread of its own, as the agent's.
        await withCheckedContinuation { continuation in
            var thread = pthread_t()
            let work = Unmanaged.passRetained(Work { continuation.resume(returning: self.feed(events, rate)) })
            pthread_create(
                &thread, nil,
                { context in
                    Unmanaged<Work>.fromOpaque(context!).takeRetainedValue().body()
                    return nil
                }, work.toOpaque())
        }
    }

    private func feed(_ events: UInt64, _ rate: UInt64) -> String {
        var life = life
        var tracker = ProcessTracker(
            node: "node-1", registry: ContainerRegistry(host: NamespaceKey(mount: 0, pid: 0)))
        var waiting: [ProcessEvent] = []
        life.beginning { tracker.apply($0) { _ in } }
        let (wall, cpu, own) = (Clock.wall.now, Clock.process.now, Clock.thread.now)
        var made: UInt64 = 0
        var bytes: (message: UInt64, json: UInt64) = (0, 0)
        for number in 0..<events / 2 {
            life.live(number) { tracker.apply($0) { waiting.append($0) } }
            guard waiting.count >= Self.batch || number + 1 == events / 2 else { continue }
            made += UInt64(waiting.count)
            hub.publish { formats in
                let encoded = waiting.map { encoder.encode($0, formats: formats) }
                for event in encoded {
                    bytes.message += UInt64(event.message.count)
                    bytes.json += UInt64(event.json.count)
                }
                return encoded
            }
            waiting.removeAll(keepingCapacity: true)
            if rate > 0 {
                hub.deliver(everything: true)
                Clock.sleep(until: wall + made * 1_000_000_000 / rate)
            } else {
                // As the agent's queues are bounded: nobody shall lose anything.
                while mostWaiting > UInt64(Self.capacity / 2) { usleep(200) }
            }
        }
        let ownCPU = Clock.thread.now - own
        hub.deliver(everything: true)
        while mostWaiting > 0 || written < (exporter == nil ? 0 : made) { usleep(500) }
        let accounts = hub.accounts
        return """
            {"events":\(made),"message_bytes":\(bytes.message),"json_bytes":\(bytes.json),\
            "delivered":\(accounts.reduce(0) { $0 + $1.delivered }),"lost":\(accounts.reduce(0) { $0 + $1.lost }),\
            "wall":\(Clock.wall.now - wall),"cpu":\(Clock.process.now - cpu),"making":\(ownCPU)}
            """
    }

    private var mostWaiting: UInt64 { hub.accounts.dropLast().map(\.waiting).max() ?? 0 }
    /// Lines whose fate is known.
    private var written: UInt64 { hub.accounts.reduce(0) { $0 + $1.outcome.written + $1.outcome.allFailed + $1.lost } }
}

private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private enum Clock {
    case wall, process, thread

    /// Nanoseconds.
    var now: UInt64 {
        let clock =
            switch self {
            case .wall: CLOCK_MONOTONIC
            case .process: CLOCK_PROCESS_CPUTIME_ID
            case .thread: CLOCK_THREAD_CPUTIME_ID
            }
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    static func sleep(until moment: UInt64) {
        var time = timespec(tv_sec: Int(moment / 1_000_000_000), tv_nsec: Int(moment % 1_000_000_000))
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nil)
    }
}
