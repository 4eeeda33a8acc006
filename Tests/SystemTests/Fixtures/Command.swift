// SPDX-License-Identifier: Apache-2.0
import Foundation

/// A program under the test's control. Its output goes to files: no pipe fills, and none is held open by whatever
/// it leaves behind.
final class Command: Sendable {
    struct Outcome: Sendable {
        /// The exit code, or 128 and the signal's number.
        let status: Int32
        let output: String
        let errors: String
    }

    let pid: pid_t
    private let process: Process
    private let output: String
    private let errors: String

    init(_ words: [String], directory: String? = nil) throws {
        let base = "/tmp/apus-command-\(UInt64.random(in: 0...UInt64.max))"
        (output, errors) = (base + ".out", base + ".err")
        let process = Process()
        self.process = process
        process.executableURL = URL(filePath: words[0].hasPrefix("/") ? words[0] : try Artifacts.tool(words[0]))
        process.arguments = Array(words.dropFirst())
        if let directory { process.currentDirectoryURL = URL(filePath: directory) }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try Self.file(output)
        process.standardError = try Self.file(errors)
        try process.run()
        pid = process.processIdentifier
    }

    deinit {
        for path in [output, errors] { try? FileManager.default.removeItem(atPath: path) }
    }

    var isRunning: Bool { process.isRunning }
    var outputSoFar: String { Self.text(output) }
    var errorsSoFar: String { Self.text(errors) }

    func signal(_ number: Int32) { if process.isRunning { kill(pid, number) } }

    /// Waits for the end; kills what takes too long.
    func outcome(within limit: Duration = .seconds(60)) async throws -> Outcome {
        let deadline = ContinuousClock.now + limit
        while process.isRunning {
            guard ContinuousClock.now < deadline else {
                kill(pid, SIGKILL)
                throw Failure("\(name) did not end within \(limit). \(outputSoFar)\(errorsSoFar)")
            }
            // Not waitUntilExit: that blocks a thread of the pool.
            try await Task.sleep(for: .milliseconds(2))
        }
        let status = process.terminationStatus
        return Outcome(
            status: process.terminationReason == .uncaughtSignal ? 128 + status : status, output: outputSoFar,
            errors: errorsSoFar)
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
            throw Failure("\(words.joined(separator: " ")): status \(outcome.status). \(outcome.output)\(outcome.errors)")
        }
        return outcome
    }

    private var name: String { process.executableURL?.lastPathComponent ?? "" }

    private static func file(_ path: String) throws -> FileHandle {
        guard FileManager.default.createFile(atPath: path, contents: nil), let handle = FileHandle(forWritingAtPath: path)
        else { throw Failure("cannot make \(path)") }
        return handle
    }

    private static func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}
