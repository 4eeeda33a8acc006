// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A container made by runc, or by whatever other runtime with runc's command line APUS_RUNTIME names.
final class RuncContainer: Sendable {
    static let runtime = ProcessInfo.processInfo.environment["APUS_RUNTIME"] ?? "runc"

    /// crun refuses hosts on which v1 and v2 are both mounted: it gets a view of its own, with cgroup2 alone.
    static let hasOwnView =
        runtime == "crun" && FileManager.default.fileExists(atPath: "/sys/fs/cgroup/unified/cgroup.procs")

    /// The runtime's command line.
    static func command(_ words: [String]) -> [String] {
        guard hasOwnView else { return [runtime] + words }
        let script = "umount --recursive /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec \"$@\""
        return ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script, "sh", runtime] + words
    }

    let setup: ContainerSetup
    /// The init's pid on the host.
    let pid: pid_t
    private let directory: TemporaryDirectory

    var id: String { setup.id }

    private init(_ setup: ContainerSetup, _ directory: TemporaryDirectory) throws {
        self.setup = setup
        self.directory = directory
        let file = directory("pid")
        guard let text = FileManager.default.contents(atPath: file).map({ String(decoding: $0, as: UTF8.self) }),
            let pid = pid_t(text)
        else { throw Failure("\(Self.runtime) wrote no pid into \(file)") }
        self.pid = pid
    }

    /// Runs a container in the background for the length of `body`.
    static func with(
        _ agent: AgentProcess, _ setup: ContainerSetup = .init(), _ body: (RuncContainer) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        let bundle = try bundle(agent, setup, directory)
        try await removing(setup) {
            try await Command.succeed(
                command(
                    ["run", "--detach", "--pid-file", directory("pid"), "--bundle", bundle.path, setup.id]))
            let container = try RuncContainer(setup, directory)
            // With v1 cgroups crun's delete leaves the init of a container that shares the host's pids.
            defer { kill(container.pid, SIGKILL) }
            try await body(container)
        }
    }

    /// Runs a container to the end of its init.
    ///
    /// - Parameter agent: whom its hook tells.
    @discardableResult
    static func runToEnd(
        _ agent: AgentProcess, _ setup: ContainerSetup, within limit: Duration = .seconds(60)
    ) async throws -> Command.Outcome {
        let directory = try TemporaryDirectory()
        let bundle = try bundle(agent, setup, directory)
        return try await run(bundle, setup, within: limit)
    }

    /// Runs a prepared bundle to its end: nothing but the runtime's own time.
    static func run(
        _ bundle: Bundle, _ setup: ContainerSetup, within limit: Duration = .seconds(60)
    ) async throws -> Command.Outcome {
        do {
            return try await Command.succeed(command(["run", "--bundle", bundle.path, setup.id]), within: limit)
        } catch {
            _ = try? await Command(command(["delete", "--force", setup.id])).outcome()
            throw error
        }
    }

    /// What the runtime's `exec` does, which is what `kubectl exec` comes down to.
    @discardableResult
    func exec(_ words: String...) async throws -> Command.Outcome {
        try await Command.succeed(Self.command(["exec", id] + words))
    }

    /// Enters all of the container's namespaces from the host, and nothing else of it.
    @discardableResult
    func enter(_ words: String...) async throws -> Command.Outcome {
        try await Command.succeed(["nsenter", "--target", "\(pid)", "--all"] + words)
    }

    private static func bundle(
        _ agent: AgentProcess, _ setup: ContainerSetup, _ directory: TemporaryDirectory
    ) throws -> Bundle {
        try Bundle(setup, in: directory, hookAddress: "unix://\(agent.hookSocket)", hookLog: agent.hookLog)
    }

    private static func removing(_ setup: ContainerSetup, _ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch {
            _ = try? await Command(command(["delete", "--force", setup.id])).outcome()
            throw error
        }
        try await Command.succeed(command(["delete", "--force", setup.id]))
    }
}

/// The process's directory in the hierarchy that tells containers apart: cgroup2 if it is mounted, else v1's pids.
func cgroupDirectory(of pid: pid_t) throws -> String {
    let text = String(
        decoding: FileManager.default.contents(atPath: "/proc/\(pid)/cgroup") ?? Data(), as: UTF8.self)
    for line in text.split(separator: "\n").reversed() {
        let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        let mounts =
            switch fields[1] {
            case "": ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"]
            case "pids": ["/sys/fs/cgroup/pids"]
            default: [String]()
            }
        let found = mounts.map { $0 + fields[2] }.first(where: FileManager.default.fileExists(atPath:))
        if fields[2].count > 1, let found { return found }
    }
    throw Failure("process \(pid) is in no cgroup of its own: \(text)")
}
