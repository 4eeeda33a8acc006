// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization

/// A program under the test's control. Its output goes to files: no pipe fills, and none is held open by whatever
/// it leaves behind.
///
/// Not Foundation's Process, which keeps descriptors open without a run loop: a test starts thousands.
final class Command: Sendable {
    struct Outcome: Sendable {
        /// The exit code, or 128 and the signal's number.
        let status: Int32
        let output: String
        let errors: String
    }

    let pid: pid_t
    private let name: String
    private let output: String
    private let errors: String
    /// As wait() told it; nil until then.
    private let ended = Mutex<Int32?>(nil)

    init(_ words: [String]) throws {
        name = words[0]
        let base = "/tmp/\(uniqueWord("apus-command"))"
        (output, errors) = (base + ".out", base + ".err")

        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&files, 1, output, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&files, 2, errors, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0o600)

        // Signals as a shell would leave them, not as the thread that happens to run this has them.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        let path = name.hasPrefix("/") ? name : try Artifacts.tool(name)
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        let failure = posix_spawn(&pid, path, &files, &attributes, &arguments, environ)
        guard failure == 0 else { throw Failure("cannot start \(path): \(String(cString: strerror(failure)))") }
        self.pid = pid
    }

    deinit {
        for path in [output, errors] { try? FileManager.default.removeItem(atPath: path) }
    }

    var isRunning: Bool { status == nil }
    var outputSoFar: String { Self.text(output) }
    var errorsSoFar: String { Self.text(errors) }

    /// What it has printed from this byte on.
    func output(from offset: UInt64) throws -> Data {
        let file = try FileHandle(forReadingFrom: URL(filePath: output))
        defer { try? file.close() }
        try file.seek(toOffset: offset)
        return try file.readToEnd() ?? Data()
    }

    /// Nothing happens to a program that has ended.
    func signal(_ number: Int32) { if isRunning { kill(pid, number) } }

    /// Waits for the end; kills what takes too long.
    func outcome(within limit: Duration = .seconds(60)) async throws -> Outcome {
        let deadline = ContinuousClock.now + limit * patience
        while true {
            if let status { return Outcome(status: status, output: outputSoFar, errors: errorsSoFar) }
            guard ContinuousClock.now < deadline else {
                kill(pid, SIGKILL)
                throw Failure("\(name) did not end within \(limit * patience). \(outputSoFar)\(errorsSoFar)")
            }
            // Not a blocking wait: that would hold a thread of the pool.
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Runs a program to its end.
    @discardableResult
    static func run(_ words: String..., within limit: Duration = .seconds(60)) async throws -> Outcome {
        try await Command(words).outcome(within: limit)
    }

    /// Runs a program that must succeed.
    @discardableResult
    static func succeed(_ words: [String], within limit: Duration = .seconds(60)) async throws -> Outcome {
        let outcome = try await Command(words).outcome(within: limit)
        guard outcome.status == 0 else {
            let told = outcome.output + outcome.errors
            throw Failure("\(words.joined(separator: " ")): status \(outcome.status). \(told)")
        }
        return outcome
    }

    private var status: Int32? {
        ended.withLock { ended in
            var raw: Int32 = 0
            if ended == nil, waitpid(pid, &raw, WNOHANG) == pid {
                ended = raw & 0x7F == 0 ? raw >> 8 & 0xFF : 128 + (raw & 0x7F)
            }
            return ended
        }
    }

    private static func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}
