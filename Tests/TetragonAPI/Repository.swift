// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The checkout that these tests were built from, and the tools that it needs.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let protoDirectory = root.appending(path: "proto")
    static let sources = root.appending(path: "Sources")
    static let generateScript = root.appending(path: "dev/generate-proto.sh")
    static let tests = root.appending(path: "Tests")
    static let wireTable = tests.appending(path: "TetragonAPI/wire-api.tsv")
    static let coverageTable = tests.appending(path: "TetragonAPI/coverage.tsv")
    static let compatibilityPage = root.appending(path: "docs/compatibility.md")

    /// Where the package build put this test, and the code generators beside it: the test target depends on them.
    static let buildProducts = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

    /// The .proto files, as protoc wants to hear of them.
    static func protoFiles() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: protoDirectory.appending(path: "tetragon").path)
            .filter { $0.hasSuffix(".proto") }.sorted().map { "tetragon/\($0)" }
    }

    /// Runs a command that is looked up in PATH, to its successful end.
    static func run(_ command: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [command] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw CommandFailed(command: command, status: process.terminationStatus, output: said)
        }
    }

    /// Hands a directory of its own to `body` and removes it afterwards.
    static func withTemporaryDirectory<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let directory = FileManager.default.temporaryDirectory.appending(path: "apus-api-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        return try body(directory)
    }

    struct CommandFailed: Error, CustomStringConvertible {
        var command: String
        var status: Int32
        var output: String
        var description: String { "\(command) ended with status \(status): \(output)" }
    }
}
