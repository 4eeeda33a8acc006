// SPDX-License-Identifier: Apache-2.0
import Containers
import Events
import Foundation
import GRPCNIOTransportHTTP2Posix
import Logging
import Processes
import Testing

@testable import Export

@Suite final class JSONExporterTests {
    private let directory: String
    private let hub = EventHub()
    private let logger = Logger(label: "test")
    private var path: String { directory + "/events.json" }

    init() throws {
        directory = "/tmp/apus-test-\(UInt32.random(in: 0...UInt32.max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    private func event(_ line: String, kind: EventKind = .processExec, pid: UInt32 = 1) -> Event {
        let process = ProcessImage(
            execID: "", parentExecID: "", pid: pid, tid: pid, namespacePid: 0, uid: 0, loginUid: 0, cwd: "/",
            binary: "/bin/true", arguments: "", flags: "", startTime: 0, inInitTree: false, container: nil,
            containerKey: nil, properties: nil, namespaces: nil)
        return Event(
            kind: kind, time: 0, process: process, parent: nil, message: GRPCNIOTransportBytes([UInt8]()),
            json: Array(line.utf8))
    }

    private func publish(_ line: String) {
        hub.publish { $0.contains(.json) ? [event(line)] : [] }
        hub.deliver(everything: true)
    }

    private func makeExporter(_ path: String? = nil, capacity: Int = 100_000) throws -> JSONExporter {
        try JSONExporter(path: path ?? self.path, permissions: 0o600, hub: hub, capacity: capacity, logger: logger)
    }

    private var content: String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

    @Test func everyEventIsALineOfTheFile() async throws {
        let exporter = try makeExporter()
        for number in 0..<1000 { publish("{\"n\":\(number)}\n") }
        hub.close()
        await exporter.run()
        #expect(content == (0..<1000).map { "{\"n\":\($0)}\n" }.joined())
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test("only events that the lists let through are written")
    func listsAreObeyed() async throws {
        let filter = try EventFilter(
            allow: #"{"event_set": ["PROCESS_EXEC"]}"#, of: "--export-allowlist", deny: #"{"pid": [2]}"#,
            of: "--export-denylist")
        let exporter = try JSONExporter(
            path: path, permissions: 0o600, hub: hub, capacity: 10, filter: filter, logger: logger)
        hub.publish { _ in [event("1\n"), event("2\n", pid: 2), event("3\n", kind: .processExit), event("4\n")] }
        hub.close()
        await exporter.run()
        #expect(content == "1\n4\n")
    }

    @Test func fileThatIsThereGrows() async throws {
        try "{\"old\":1}\n".write(toFile: path, atomically: false, encoding: .utf8)
        let exporter = try makeExporter()
        publish("{\"new\":1}\n")
        hub.close()
        await exporter.run()
        #expect(content == "{\"old\":1}\n{\"new\":1}\n")
    }

    @Test func brokenLastLineIsEndedFirst() async throws {
        try "{\"old\":".write(toFile: path, atomically: false, encoding: .utf8)
        let exporter = try makeExporter()
        publish("{\"new\":1}\n")
        hub.close()
        await exporter.run()
        #expect(content == "{\"old\":\n{\"new\":1}\n")
    }

    @Test func linkIsNotFollowed() throws {
        let target = directory + "/target"
        try "".write(toFile: target, atomically: false, encoding: .utf8)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
        let error = #expect(throws: ExportError.self) { try makeExporter() }
        #expect(error?.description == "cannot open the export file \(path): it is a symbolic link")
        #expect(hub.accounts.count == 1)
    }

    @Test func pipeInTheFilesPlaceIsRefused() throws {
        mkfifo(path, 0o600)
        // Held open for reading, or opening it to write would fail anyway.
        let reader = open(path, O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        let error = #expect(throws: ExportError.self) { try makeExporter() }
        #expect(error?.description.contains("it is not a regular file") == true)
    }

    @Test func fullDiskLosesLinesAndNothingElse() throws {
        let error = #expect(throws: ExportError.self) { try makeExporter("/dev/full") }
        #expect(error?.description.contains("it is not a regular file") == true)

        // A file system of one page stands for a full disk.
        let disk = directory + "/disk"
        mkdir(disk, 0o700)
        try #require(mount("none", disk, "tmpfs", 0, "size=4k") == 0, "needs the right to mount a file system")
        defer { umount(disk) }
        let file = try ExportFile(path: disk + "/events.json", permissions: 0o600)
        let long = Array(String(repeating: "x", count: 3000).utf8) + [UInt8(ascii: "\n")]
        try file.write(long)
        #expect(throws: (any Error).self) { try file.write(long) }
        truncate(disk + "/events.json", 0)
        try file.write(Array("short\n".utf8))
        let content = try String(contentsOfFile: disk + "/events.json", encoding: .utf8)
        #expect(content.hasSuffix("\nshort\n"))
    }

    @Test func exporterThatEndsLeavesNoSubscription() async throws {
        do { _ = try makeExporter() }
        #expect(hub.accounts.count == 1)
    }
}
