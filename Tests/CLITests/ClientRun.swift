// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A run of the client: the one in $APUS_DIST, else what the package build put beside the tests.
final class ClientRun: Sendable {
    struct Outcome: Sendable {
        var status: Int32
        var output: String
        var talk: String
    }

    static let client =
        (ProcessInfo.processInfo.environment["APUS_DIST"].map { URL(filePath: $0) }
        ?? URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent())
        .appending(path: "apus").path

    private let process: Process
    private let directory: URL
    private let exits: AsyncStream<Int32>

    /// Starts it; its arguments are words for a shell, where `$apus` is the client.
    init(shell command: String) throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "apus-cli-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        process = Process()
        process.executableURL = URL(filePath: "/bin/bash")
        process.arguments = ["-c", command]
        process.environment = ["apus": Self.client]
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try Self.create(directory.appending(path: "output"))
        process.standardError = try Self.create(directory.appending(path: "talk"))
        let (exits, continuation) = AsyncStream<Int32>.makeStream()
        self.exits = exits
        process.terminationHandler = {
            continuation.yield($0.terminationStatus)
            continuation.finish()
        }
        try process.run()
    }

    convenience init(_ arguments: String...) throws {
        try self.init(shell: "exec $apus " + arguments.map { "'\($0)'" }.joined(separator: " "))
    }

    deinit {
        if process.isRunning { process.terminate() }
        try? FileManager.default.removeItem(at: directory)
    }

    func interrupt() { process.interrupt() }

    /// Waits until it has said something, on stderr.
    func hasSaid(_ text: String) async throws -> Bool {
        for _ in 0..<500 {
            if try contents("talk").contains(text) { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    /// Waits until it has printed so many lines, on stdout.
    func hasPrinted(lines: Int) async throws -> Bool {
        for _ in 0..<500 {
            if try contents("output").split(separator: "\n").count >= lines { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    func outcome() async throws -> Outcome {
        var status: Int32 = -1
        for await exit in exits { status = exit }
        return Outcome(status: status, output: try contents("output"), talk: try contents("talk"))
    }

    private func contents(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: directory.appending(path: name)), as: UTF8.self)
    }

    private static func create(_ file: URL) throws -> FileHandle {
        try Data().write(to: file)
        return try FileHandle(forWritingTo: file)
    }
}
