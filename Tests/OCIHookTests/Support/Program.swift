// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

/// Where things are. The hook under test is the release binary; only a debug build has failpoints.
enum Program {
    static let root = String(#filePath.dropLast("/Tests/OCIHookTests/Support/Program.swift".count))
    static let hook = variable("APUS_HOOK") ?? root + "/dist/apus-oci-hook"
    static let debugHook = variable("APUS_HOOK_DEBUG") ?? root + "/.build/debug/apus-oci-hook"

    static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// A program of the system, or nil.
    static func find(_ name: String) -> String? {
        ["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"].map { $0 + name }.first { access($0, X_OK) == 0 }
    }
}

/// How a program ended.
struct Outcome: Sendable {
    /// The exit code, or the negated number of the signal that killed it.
    var exit: Int32
    var milliseconds: Double
    var output = ""
    var errors = ""
}

/// A program that is running.
struct Running {
    let pid: pid_t
    let started: Double

    /// Starts a program with exactly this environment. Descriptors are borrowed.
    init(
        _ program: [String], environment: [String] = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], directory: String? = nil,
        stdin: Int32, stdout: Int32, stderr: Int32
    ) throws {
        // posix_spawn's own way to change the directory is hidden behind _GNU_SOURCE.
        let arguments = directory.map { ["/usr/bin/env", "-C", $0, "-i"] + environment + program } ?? program
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (target, source) in [(0, stdin), (1, stdout), (2, stderr)] as [(Int32, Int32)] {
            posix_spawn_file_actions_adddup2(&actions, source, target)
        }
        let argv = arguments.map { strdup($0) } + [nil]
        let envp = (directory == nil ? environment : []).map { strdup($0) } + [nil]
        defer { (argv + envp).forEach { free($0) } }

        var pid = pid_t()
        let started = monotonicMilliseconds()
        let error = posix_spawn(&pid, arguments[0], &actions, nil, argv, envp)
        try #require(error == 0, "cannot start \(arguments[0]): \(String(cString: strerror(error)))")
        (self.pid, self.started) = (pid, started)
    }

    func wait() -> Outcome {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        let milliseconds = monotonicMilliseconds() - started
        let signal = status & 0x7f
        return Outcome(exit: signal == 0 ? status >> 8 & 0xff : -signal, milliseconds: milliseconds)
    }
}

func monotonicMilliseconds() -> Double {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Double(now.tv_sec) * 1e3 + Double(now.tv_nsec) / 1e6
}
