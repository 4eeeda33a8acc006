// SPDX-License-Identifier: Apache-2.0
import Glibc
import Testing

/// A directory of one test, gone with it: bundle, log file, the agent's socket.
final class Scratch {
    let path: String

    init() throws {
        let template = try #require(strdup("/tmp/apus-hook-test-XXXXXX"))
        defer { free(template) }
        path = String(cString: try #require(mkdtemp(template), "cannot make a directory in /tmp"))
        mkdir(path + "/bundle", 0o755)
    }

    deinit {
        let remove = try? Running(["/bin/rm", "-rf", path], stdin: 0, stdout: 1, stderr: 2)
        _ = remove?.wait()
    }

    var bundle: String { path + "/bundle" }
    var log: String { path + "/hook.log" }
    var socket: String { path + "/agent.sock" }

    /// The state of a container whose bundle is ours.
    func state(id: String = "demo", pid: Int = 4711, annotations: String = "{}") -> String {
        """
        {"ociVersion":"1.0.2","id":"\(id)","status":"creating","pid":\(pid),"bundle":"\(bundle)",\
        "annotations":\(annotations)}
        """
    }

    @discardableResult
    func write(_ name: String, _ content: String) -> String {
        let file = path + "/" + name
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        var content = content
        content.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                guard count > 0 else { break }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            }
        }
        close(descriptor)
        return file
    }

    func read(_ name: String) -> String {
        Self.contents(path + "/" + name)
    }

    /// Empty if there is no such file.
    static func contents(_ file: String) -> String {
        let descriptor = open(file, O_RDONLY)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            guard count > 0 else { break }
            bytes += piece[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Runs a program to its end, with its output caught in files.
    func run(
        _ arguments: [String], input: Int32? = nil, environment: [String] = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
        directory: String? = nil
    ) throws -> Outcome {
        let null = open("/dev/null", O_RDWR)
        let output = open(path + "/stdout", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        let errors = open(path + "/stderr", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        defer { [null, output, errors].forEach { close($0) } }
        let running = try Running(
            arguments, environment: environment, directory: directory, stdin: input ?? null, stdout: output,
            stderr: errors)
        var outcome = running.wait()
        outcome.output = read("stdout")
        outcome.errors = read("stderr")
        return outcome
    }
}
