// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A program under the test's control. Its output goes to a file: no pipe fills, and none is held open by whatever it
/// leaves behind.
final class Program {
    let pid: pid_t
    private let name: String
    private let log: String
    private var status: Int32?

    /// - Parameter log: where its output goes, both kinds.
    init(_ words: [String], log: String) throws {
        (name, self.log) = (words[0], log)
        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&files, 1, 2)
        let path = words[0].hasPrefix("/") ? words[0] : try Self.find(words[0])
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        let failure = posix_spawn(&pid, path, &files, nil, &arguments, environ)
        guard failure == 0 else { throw Failure("cannot start \(path): \(String(cString: strerror(failure)))") }
        self.pid = pid
    }

    deinit {
        if isRunning {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
    }

    static func find(_ name: String) throws -> String {
        for directory in ["/usr/sbin", "/usr/bin", "/sbin", "/bin"] {
            let path = "\(directory)/\(name)"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw Failure("\(name) is not installed: run make setup")
    }

    var isRunning: Bool {
        if status != nil { return false }
        var raw: Int32 = 0
        if waitpid(pid, &raw, WNOHANG) == 0 { return true }
        status = raw & 0x7F == 0 ? raw >> 8 & 0xFF : 128 + (raw & 0x7F)
        return false
    }

    var output: String {
        FileManager.default.contents(atPath: log).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// Waits for the end; kills what takes too long.
    func end(within limit: Duration = .seconds(60)) async throws -> Int32 {
        let deadline = ContinuousClock.now + limit
        while isRunning {
            guard ContinuousClock.now < deadline else {
                kill(pid, SIGKILL)
                throw Failure("\(name) did not end within \(limit). \(output)")
            }
            try await Task.sleep(for: .milliseconds(2))
        }
        return status ?? -1
    }

    /// Runs a program that must succeed.
    /// - Returns: its output.
    @discardableResult
    static func run(_ words: [String], within limit: Duration = .seconds(60)) async throws -> String {
        let log = "/tmp/\(uniqueWord("apus-output"))"
        defer { unlink(log) }
        let program = try Program(words, log: log)
        let status = try await program.end(within: limit)
        guard status == 0 else { throw Failure("\(words.joined(separator: " ")): status \(status). \(program.output)") }
        return program.output
    }
}
