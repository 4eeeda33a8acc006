// SPDX-License-Identifier: Apache-2.0
import Glibc
import Models
import Testing

/// A gRPC server of another library (fake-agent.py), which keeps what it was sent.
final class FakeAgent {
    private let scratch: Scratch
    private let process: Running
    /// Its end of life: it leaves when this is closed.
    private let leash: Int32

    init(_ scratch: Scratch, status: Int? = nil, message: String = "") throws {
        self.scratch = scratch
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        _ = fcntl(ends[1], F_SETFD, FD_CLOEXEC)
        let output = open(scratch.path + "/requests", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        defer { [ends[0], output].forEach { close($0) } }
        leash = ends[1]
        let answer = status.map { ["\($0)", message] } ?? []
        process = try Running(
            ["/usr/bin/python3", Program.root + "/Tests/OCIHookTests/fake-agent.py", scratch.socket] + answer,
            stdin: ends[0], stdout: output, stderr: 2)
        let deadline = monotonicMilliseconds() + 20_000
        while lines.isEmpty {
            try #require(monotonicMilliseconds() < deadline, "fake-agent.py did not start: is python3-grpcio there?")
            usleep(10_000)
        }
        // Whoever runs containers as another user must reach it.
        chmod(scratch.socket, 0o666)
    }

    deinit {
        close(leash)
        _ = process.wait()
    }

    private var lines: [Substring] { scratch.read("requests").split(separator: "\n") }

    /// The requests so far, as hexadecimal bytes.
    var requests: [String] { lines.dropFirst().map(String.init) }
}

extension RuntimeHookRequest {
    var hexadecimal: String { encoded().hexadecimal }
}

extension Sequence<UInt8> {
    var hexadecimal: String {
        map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
