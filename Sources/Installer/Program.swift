// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Runs a program of the container runtime to its end, bounded in time and in what it may say.
struct Program {
    struct Outcome {
        /// The exit code, or 128 and the signal's number.
        var status: Int32
        var output: [UInt8]
        var errors: [UInt8]

        /// The last line on stderr, shortened.
        var complaint: String {
            let line = errors.split(separator: UInt8(ascii: "\n")).last ?? []
            return line.isEmpty ? "exit status \(status)" : String(decoding: line.prefix(500), as: UTF8.self)
        }
    }

    let path: String

    private static let longestOutput = 8 << 20
    private static let patience = 30

    /// - Parameter directories: where to look, in this order. Not the caller's PATH: the program runs as root.
    init?(_ name: String, in directories: [String]) {
        let candidates = directories.map { directory in "\(directory)/\(name)" }
        let path = candidates.first { candidate in access(candidate, X_OK) == 0 }
        guard let path else { return nil }
        self.path = path
    }

    func run(_ arguments: [String]) throws(InstallerError) -> Outcome {
        let attempt = "run \(path) \(arguments.joined(separator: " "))"
        guard let output = Self.channel() else { throw .system(attempt, errno) }
        guard let errors = Self.channel() else {
            let number = errno
            for descriptor in output { close(descriptor) }
            throw .system(attempt, number)
        }
        defer { for descriptor in [output[0], errors[0]] { close(descriptor) } }
        let (pid, failure) = spawn(arguments, output: output[1], errors: errors[1])
        for descriptor in [output[1], errors[1]] { close(descriptor) }
        guard failure == 0 else { throw .system(attempt, failure) }

        var texts: [[UInt8]] = [[], []]
        let isComplete = collect([output[0], errors[0]], into: &texts)
        if !isComplete { kill(pid, SIGKILL) }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        guard isComplete else {
            throw InstallerError(
                "cannot \(attempt): it did not end within \(Self.patience) seconds, or said more than "
                    + "\(Self.longestOutput) bytes. Run it by hand to see why.")
        }
        let signal = status & 0x7f
        return Outcome(
            status: signal == 0 ? (status >> 8) & 0xff : 128 + signal, output: texts[0], errors: texts[1])
    }

    /// Two ends; the program writes to the second. A pipe in all but the name: one that no other program, started at the
    /// same time by another thread, holds open.
    private static func channel() -> [Int32]? {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        return socketpair(AF_UNIX, type, 0, &ends) == 0 ? ends : nil
    }

    private func spawn(_ arguments: [String], output: Int32, errors: Int32) -> (pid_t, Int32) {
        var files = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&files)
        defer { posix_spawn_file_actions_destroy(&files) }
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&files, output, 1)
        posix_spawn_file_actions_adddup2(&files, errors, 2)
        var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        let searched = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        var environment: [UnsafeMutablePointer<CChar>?] = [strdup(searched), nil]
        defer { for word in words + environment { free(word) } }
        var pid: pid_t = 0
        let failure = posix_spawn(&pid, path, &files, nil, &words, &environment)
        return (pid, failure)
    }

    /// Reads until both have ended; false when that takes too long or is too much.
    private func collect(_ descriptors: [Int32], into texts: inout [[UInt8]]) -> Bool {
        let deadline = ContinuousClock.now + .seconds(Self.patience)
        var waiting = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while waiting.contains(where: { $0.fd >= 0 }) {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { return false }
            guard poll(&waiting, nfds_t(waiting.count), Int32(left.components.seconds * 1000 + 1)) >= 0 else {
                if errno == EINTR { continue }
                return false
            }
            for index in waiting.indices where waiting[index].fd >= 0 && waiting[index].revents != 0 {
                let count = read(waiting[index].fd, &buffer, buffer.count)
                if count <= 0 {
                    waiting[index].fd = -1
                } else {
                    texts[index] += buffer[..<count]
                    if texts[index].count > Self.longestOutput { return false }
                }
            }
        }
        return true
    }
}
