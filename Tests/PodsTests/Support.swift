// SPDX-License-Identifier: Apache-2.0
import Foundation
import Logging
import Models
import Synchronization

@testable import Pods

/// A directory for one test.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = "/tmp/apus-pods-\(UInt64.random(in: 0...UInt64.max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @discardableResult
    func write(_ name: String, _ content: String) throws -> String {
        try content.write(toFile: path + "/" + name, atomically: false, encoding: .utf8)
        return path + "/" + name
    }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path + "/" + name) }
}

/// What a source logs at warning and info, a line each: message and metadata.
final class RecordedLog: Sendable {
    private let recorded = Mutex<[String]>([])
    var lines: [String] { recorded.withLock { $0 } }

    var logger: Logger { Logger(label: "test") { _ in Handler(record: self) } }

    func lines(with text: String) -> [String] { lines.filter { $0.contains(text) } }

    private struct Handler: LogHandler {
        let record: RecordedLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }
            record.recorded.withLock { $0.append("\(event.message)" + fields.joined()) }
        }
    }
}

/// What a source has told.
final class Told: Sendable {
    private let recorded = Mutex<[PodChange]>([])
    var changes: [PodChange] { recorded.withLock { $0 } }

    /// What they add up to, by `namespace/name`.
    var pods: [String: Pod] {
        changes.reduce(into: [:]) { pods, change in
            switch change {
            case .applied(let pod): pods["\(pod.namespace)/\(pod.name)"] = pod
            case .removed(let namespace, let name): pods["\(namespace)/\(name)"] = nil
            case .all(let all): pods = Dictionary(uniqueKeysWithValues: all.map { ("\($0.namespace)/\($0.name)", $0) })
            }
        }
    }

    var names: [String] { pods.keys.sorted() }

    func tell(_ change: PodChange) { recorded.withLock { $0.append(change) } }
}

/// Waits at most half a minute, which a machine may need that builds at the same time.
func eventually(_ condition: () -> Bool) async -> Bool {
    for _ in 0..<3_000 {
        if condition() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return condition()
}

/// Runs a source as long as `body` takes, and waits until it has ended.
func withRunning<Result: Sendable>(
    _ source: some PodSource, _ body: (Told) async throws -> Result
) async throws -> Result {
    let told = Told()
    let task = Task { await source.run { told.tell($0) } }
    do {
        let result = try await body(told)
        task.cancel()
        await task.value
        return result
    } catch {
        task.cancel()
        await task.value
        throw error
    }
}
