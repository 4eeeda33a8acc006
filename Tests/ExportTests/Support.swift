// SPDX-License-Identifier: Apache-2.0
import Events
import Foundation
import GRPCNIOTransportHTTP2Posix
import Logging
import Processes
import Synchronization
import Testing

@testable import Export

/// A directory that goes with its owner, and with it what is mounted there.
final class Directory: Sendable {
    let path: String
    private let isMounted: Bool

    /// - Parameter disk: size of a file system of its own, as mount(8) takes it.
    init(disk: String? = nil) throws {
        path = "/tmp/apus-test-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        isMounted = disk != nil
        if let disk {
            try #require(mount("none", path, "tmpfs", 0, "size=\(disk)") == 0, "needs the right to mount")
        }
    }

    deinit {
        if isMounted { umount2(path, Int32(MNT_DETACH)) }
        try? FileManager.default.removeItem(atPath: path)
    }

    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }

    func write(_ name: String, _ content: String) throws {
        try content.write(toFile: self(name), atomically: false, encoding: .utf8)
    }

    /// A file's content, uncompressed.
    func read(_ name: String) throws -> String {
        guard name.hasSuffix(".gz") else { return try String(contentsOfFile: self(name), encoding: .utf8) }
        // Another program understands what was compressed. Not by Foundation's Process, which waits for a run loop.
        let gzip = try #require(popen("gzip -dc '\(self(name))'", "re"))
        var data = Data()
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&buffer, 1, buffer.count, gzip), count > 0 {
            data.append(contentsOf: buffer[..<count])
        }
        #expect(pclose(gzip) == 0)
        return String(decoding: data, as: UTF8.self)
    }

    func permissions(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: self(name))[.posixPermissions] as? Int
    }
}

extension EventHub {
    /// Publishes events that are these lines.
    func publish(lines: [String]) { publish(events: lines.map { event($0) }) }

    func publish(events: [Event]) {
        publish { _ in events }
        deliver(everything: true)
    }

    var export: Account? { accounts.first { $0.name.hasPrefix("export") } }
}

/// - Parameter line: its JSON, without the newline.
func event(_ line: String, kind: EventKind = .processExec, pid: UInt32 = 1, message: [UInt8] = []) -> Event {
    let process = ProcessImage(
        execID: "", parentExecID: "", pid: pid, tid: pid, namespacePid: 0, uid: 0, loginUid: 0, cwd: "/",
        binary: "/bin/true", arguments: "", flags: "", startTime: 0, inInitTree: false, container: nil,
        containerKey: nil, properties: nil, namespaces: nil)
    return Event(
        kind: kind, time: 0, process: process, parent: nil, message: GRPCNIOTransportBytes(message),
        json: Array(line.utf8) + [UInt8(ascii: "\n")])
}

let encoder = EventEncoder(node: "n", cluster: "")

/// Waits until something holds; the limit is for the hopeless case.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "waited for \(what)")
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Keeps what is logged.
final class Log: Sendable {
    private let kept = Mutex<[String]>([])
    var lines: [String] { kept.withLock { $0 } }
    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: Log
        var metadata = Logger.Metadata()
        var metadataProvider: Logger.MetadataProvider?
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            log.kept.withLock { $0.append("\(event.message) \(fields.joined(separator: " "))") }
        }
    }
}
