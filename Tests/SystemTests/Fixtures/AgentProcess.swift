// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2Posix
import Synchronization
import TetragonAPI

/// An agent with sockets, state and files of its own. Agents side by side do not disturb each other.
final class AgentProcess: Sendable {
    typealias Client = Tetragon_FineGuidanceSensors.Client<HTTP2ClientTransport.Posix>

    let directory: TemporaryDirectory
    let bpfDirectory = uniqueWord("apus-test")
    private let flags: [String]
    private let wrapper: [String]
    private let running = Mutex<Command?>(nil)

    var socket: String { directory("apus.sock") }
    var address: String { "unix://\(socket)" }
    var hookSocket: String { directory("hook.sock") }
    var hookLog: String { directory("hook.log") }
    var spool: String { directory("spool") }
    var exportFile: String { directory("events.json") }

    /// - Parameter wrapper: a program and its first words, which executes what follows them.
    init(_ flags: [String] = [], within wrapper: [String] = []) throws {
        directory = try TemporaryDirectory()
        self.flags = flags
        self.wrapper = wrapper
        // Empty: the machine's own configuration is not the test's.
        try FileManager.default.createDirectory(
            atPath: directory("configuration"), withIntermediateDirectories: false)
    }

    var pid: pid_t { running.withLock { $0?.pid ?? 0 } }
    var log: String { running.withLock { $0?.errorsSoFar ?? "" } }

    /// Starts it, and returns when it is ready.
    ///
    /// - Parameters:
    ///   - more: flags for this time alone.
    ///   - failpoint: a step of a registration at which it is to die by SIGKILL, or with `:stop` behind it to stop; only
    ///     a debug build can.
    ///   - umask: in octal; the test's own if nil.
    func start(_ more: [String] = [], failpoint: String? = nil, umask: String? = nil) async throws {
        guard getuid() == 0 else { throw Failure("the agent loads BPF programs: run the tests as root") }
        let program =
            try failpoint.map { ["/usr/bin/env", "APUS_FAILPOINT=\($0)", try Artifacts.debugAgent] }
            ?? [try Artifacts.agent]
        let command = try Command(
            wrapper + (umask.map { ["/bin/sh", "-c", "umask \($0); exec \"$0\" \"$@\""] } ?? []) + program + [
                "--server-address", address, "--hook-address", "unix://\(hookSocket)",
                "--state-dir", directory("state"), "--spool-dir", spool, "--bpf-dir", bpfDirectory,
                // All events of a test are in one file, unless it says otherwise.
                "--export-filename", exportFile, "--export-file-max-size-mb", "10000",
                "--config-dir", directory("configuration"), "--tracing-policy-dir", directory("no-policies"),
            ] + flags + more)
        running.withLock { $0 = command }
        try await eventually("the agent to be ready") {
            guard command.isRunning else { throw Failure("the agent ended. \(command.errorsSoFar)") }
            return command.errorsSoFar.contains("msg=ready")
        }
    }

    /// Where it pins objects.
    var pins: String { "/sys/fs/bpf/\(bpfDirectory)" }

    /// Stops it as systemd would. An agent that fails, leaves sockets or leaves pinned objects fails the test.
    /// - Parameter keepsSensors: pinned objects are to be left.
    /// - Returns: its whole log.
    @discardableResult
    func stop(keepsSensors: Bool = false) async throws -> String {
        guard let command = running.withLock({ $0 }) else { return "" }
        command.signal(SIGTERM)
        let outcome = try await command.outcome(within: .seconds(15))
        guard outcome.status == 0 else { throw Failure("the agent ended with \(outcome.status). \(outcome.errors)") }
        for leftover in [socket, hookSocket] + (keepsSensors ? [] : [pins])
        where FileManager.default.fileExists(atPath: leftover) {
            throw Failure("the agent left \(leftover)")
        }
        running.withLock { $0 = nil }
        return outcome.errors
    }

    /// Waits until it has died by itself.
    func death() async throws {
        guard let command = running.withLock({ $0 }) else { return }
        let outcome = try await command.outcome(within: .seconds(20))
        guard outcome.status == 128 + SIGKILL else { throw Failure("the agent ended with \(outcome.status)") }
        running.withLock { $0 = nil }
    }

    /// Takes it away without a chance to clean up.
    func kill() async throws {
        guard let command = running.withLock({ $0 }) else { return }
        command.signal(SIGKILL)
        _ = try await command.outcome()
        running.withLock { $0 = nil }
    }

    func signal(_ number: Int32) { running.withLock { $0 }?.signal(number) }

    /// An agent for the length of `body`.
    static func with(
        _ flags: [String] = [], within wrapper: [String] = [], _ body: (AgentProcess) async throws -> Void
    ) async throws {
        let agent = try AgentProcess(flags, within: wrapper)
        do {
            try await agent.start()
            try await body(agent)
            try await agent.stop()
        } catch {
            print("the agent's log:\n\(agent.log.suffix(4000))")
            try? await agent.kill()
            throw error
        }
    }

    /// A client of its main address.
    func withClient<Result: Sendable>(
        _ body: @Sendable @escaping (Client) async throws -> Result
    ) async throws -> Result {
        try await withConnection { try await body(Client(wrapping: $0)) }
    }

    /// The same for services beside the API's own.
    func withConnection<Result: Sendable>(
        _ body: @Sendable @escaping (GRPCClient<HTTP2ClientTransport.Posix>) async throws -> Result
    ) async throws -> Result {
        let transport = try HTTP2ClientTransport.Posix(
            target: .unixDomainSocket(path: socket), transportSecurity: .plaintext,
            config: .defaults { $0.http2.authority = "localhost" })
        return try await withGRPCClient(transport: transport) { try await body($0) }
    }

    /// Where the hierarchy is mounted in which it tells containers apart.
    var cgroupRoot: String {
        get throws {
            guard let match = log.firstMatch(of: /cgroups=(\S+)/) else {
                throw Failure("the agent does not say where it looks for cgroups: \(log.prefix(1000))")
            }
            return String(match.1)
        }
    }

    /// What GetHealth says in words.
    var healthDetails: String {
        get async throws {
            try await withClient { try await $0.getHealth(.init()).healthStatus.first?.details ?? "" }
        }
    }
}
