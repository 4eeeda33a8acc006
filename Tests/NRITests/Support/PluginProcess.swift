// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The real program: the one in $APUS_DIST, else what the package build put beside the tests. It ends with this object.
final class PluginProcess {
    static let program =
        (ProcessInfo.processInfo.environment["APUS_DIST"].map { URL(filePath: $0) }
        ?? URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent())
        .appending(path: "apus-nri").path

    private let scratch: Scratch
    private let logName = "log-\(UUID().uuidString)"
    let pid: pid_t
    private var status: Int32?

    /// Starts it with exactly this environment.
    ///
    /// - Parameters:
    ///   - name: the file name to start it under.
    ///   - inherited: what it gets as descriptor 3.
    ///   - errors: what it gets instead of a file as stderr.
    init(
        _ scratch: Scratch, _ arguments: [String] = [], name: String = "apus-nri", environment: [String] = [],
        inherited: Int32? = nil, errors: Int32? = nil
    ) throws {
        self.scratch = scratch
        try #require(access(Self.program, X_OK) == 0, "\(Self.program) is missing: make build")
        let link = scratch.path + "/" + name
        if access(link, F_OK) != 0 {
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: Self.program)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let inherited { posix_spawn_file_actions_adddup2(&actions, inherited, 3) }
        posix_spawn_file_actions_addopen(&actions, 1, scratch.path + "/output", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        if let errors {
            posix_spawn_file_actions_adddup2(&actions, errors, 2)
        } else {
            posix_spawn_file_actions_addopen(
                &actions, 2, scratch.path + "/" + logName, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        }
        // Threads of a test may have signals blocked, which a child would inherit.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let given = ([link] + arguments).map { strdup($0) } + [nil]
        let variables = environment.map { strdup($0) } + [nil]
        defer { (given + variables).forEach { free($0) } }
        var pid = pid_t()
        try #require(posix_spawn(&pid, link, &actions, &attributes, given, variables) == 0)
        self.pid = pid
    }

    /// Starts it so that it connects to the scratch directory's socket.
    static func connecting(_ scratch: Scratch, _ arguments: String...) throws -> PluginProcess {
        try PluginProcess(scratch, ["--socket-path", scratch.socket] + arguments)
    }

    deinit {
        guard status == nil else { return }
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }

    var log: String { scratch.read(logName) }

    /// The lines of its log with this text.
    func lines(with text: String) -> [Substring] { log.split(separator: "\n").filter { $0.contains(text) } }

    func hasSaid(_ text: String, within seconds: Double = 10) -> Bool {
        eventually(within: seconds) { log.contains(text) }
    }

    /// Its exit code, the negated signal that ended it, or nil if it goes on running.
    func exitCode(within seconds: Double = 10) -> Int32? {
        _ = eventually(within: seconds) {
            var ended: Int32 = 0
            if status == nil, waitpid(pid, &ended, WNOHANG) == pid {
                status = ended & 0x7f == 0 ? ended >> 8 & 0xff : -(ended & 0x7f)
            }
            return status != nil
        }
        return status
    }

    /// The most memory that it has had resident, in KiB.
    var peakMemory: Int? {
        let lines = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8))?.split(separator: "\n")
        return lines?.first { $0.hasPrefix("VmHWM:") }?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap
        {
            Int($0)
        }
    }
}
