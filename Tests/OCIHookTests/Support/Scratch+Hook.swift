// SPDX-License-Identifier: Apache-2.0
import Glibc

/// What the hook finds on its standard input.
enum Input {
    case text(String)
    /// A pipe that nobody writes to and nobody closes.
    case stuck
}

extension Scratch {
    /// Runs the hook with this test's log file and agent socket.
    func hook(
        _ stage: String = "createRuntime", _ flags: [String] = [], input: Input? = nil, environment: [String] = [],
        directory: String? = nil, program: String = Program.hook, wrapper: [String] = []
    ) throws -> Outcome {
        let arguments =
            [program, stage, "--agent-address", "unix://" + socket, "--log-file", log] + flags
        switch input ?? .text(state()) {
        case .text(let text):
            let descriptor = open(write("state.json", text), O_RDONLY)
            defer { close(descriptor) }
            return try run(
                wrapper + arguments, input: descriptor, environment: environment, directory: directory)
        case .stuck:
            var ends: [Int32] = [0, 0]
            pipe(&ends)
            defer { ends.forEach { close($0) } }
            return try run(wrapper + arguments, input: ends[0], environment: environment, directory: directory)
        }
    }

    var logLines: [String] { read("hook.log").split(separator: "\n").map(String.init) }
}
