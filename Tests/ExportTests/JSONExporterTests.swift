// SPDX-License-Identifier: Apache-2.0
import Events
import Foundation
import Logging
import SwiftProtobuf
import Testing
import TetragonAPI

@testable import Export

@Suite struct JSONExporterTests {
    private let directory: Directory
    private let hub = EventHub()
    private let log = Log()
    private var path: String { directory("events.json") }

    init() throws { directory = try Directory() }

    private func makeExporter(
        _ path: String? = nil, _ configure: (inout ExportConfiguration) throws -> Void = { _ in }
    ) throws -> JSONExporter {
        var configuration = ExportConfiguration(path: path ?? self.path)
        configuration.queueSize = 100_000
        try configure(&configuration)
        return try JSONExporter(configuration, hub: hub, encoder: encoder, logger: log.logger)
    }

    /// Runs it for the length of `body`, and on until all is written.
    private func run(_ exporter: JSONExporter, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await exporter.run() }
            defer { hub.close() }
            try await body()
        }
    }

    private func written(_ count: UInt64) async throws {
        try await eventually("\(count) lines") { (hub.export?.outcome.written ?? 0) == count }
    }

    @Test("every event is a line of the file")
    func lines() async throws {
        try await run(makeExporter()) {
            for number in 0..<1000 { hub.publish(lines: ["{\"n\":\(number)}"]) }
        }
        #expect(try directory.read("events.json") == (0..<1000).map { "{\"n\":\($0)}\n" }.joined())
        #expect(try directory.permissions("events.json") == 0o600)
        #expect(hub.accounts.map(\.outcome.written) == [1000])
        #expect(log.lines.isEmpty)
    }

    @Test("a file that is there grows")
    func growth() async throws {
        try directory.write("events.json", "{\"old\":1}\n")
        try await run(makeExporter()) { hub.publish(lines: ["{\"new\":1}"]) }
        #expect(try directory.read("events.json") == "{\"old\":1}\n{\"new\":1}\n")
    }

    @Test(
        "a line that a killed agent has torn is taken back, another's is ended",
        arguments: [
            ("{\"process_exec\":{\"pro", ""), ("{\"a\":1}\n{\"process_exit\":", "{\"a\":1}\n"),
            ("no event", "no event\n"), ("{\"a\":1}\nno event", "{\"a\":1}\nno event\n"), ("\n", "\n"),
            ("{\"process_exec\":{\"" + String(repeating: "x", count: 200_000), ""),
            ("{\"process_exit\":{\"process\"", ""), ("{\"test\":{\"arg0\":", ""),
            ("{\"rate_limit_info\":{\"number", ""), ("{\"a\":1}\n{\"ra", "{\"a\":1}\n"), ("{", ""),
            ("{\"process_id\":1", "{\"process_id\":1\n"), ("{\"tests\":1", "{\"tests\":1\n"),
        ])
    func tornLine(before: String, kept: String) async throws {
        try directory.write("events.json", before)
        try await run(makeExporter()) { hub.publish(lines: ["{\"new\":1}"]) }
        #expect(try directory.read("events.json") == kept + "{\"new\":1}\n")
    }

    @Test("a file that is there at the start gets the mode, one that is there later keeps its own")
    func mode() async throws {
        try directory.write("events.json", "{\"old\":1}\n")
        chmod(path, 0o644)
        let exporter = try makeExporter()
        #expect(try directory.permissions("events.json") == 0o600)
        try await run(exporter) {
            rename(path, directory("moved"))
            try directory.write("events.json", "")
            chmod(path, 0o640)
            await exporter.reopen()
            hub.publish(lines: ["{\"new\":1}"])
        }
        #expect(try directory.permissions("events.json") == 0o640)
        #expect(try directory.read("events.json") == "{\"new\":1}\n")
    }

    @Test("a file of another user keeps its mode")
    func othersMode() throws {
        try directory.write("events.json", "")
        chmod(path, 0o644)
        try #require(chown(path, 65534, 65534) == 0)
        _ = try makeExporter()
        #expect(try directory.permissions("events.json") == 0o644)
    }

    @Test("a link in the file's place is not followed, whatever kind of link")
    func links() throws {
        try directory.write("target", "")
        symlink(directory("target"), path)
        let error = #expect(throws: ExportError.self) { try makeExporter() }
        #expect(error?.description == "cannot use the export file \(path): it is a symbolic link")
        unlink(path)
        link(directory("target"), path)
        let other = #expect(throws: ExportError.self) { try makeExporter() }
        #expect(other?.description == "cannot use the export file \(path): it has another name as well (a hard link)")
        #expect(hub.accounts.count == 1)
    }

    @Test("what is no file is refused")
    func noFile() throws {
        mkfifo(path, 0o600)
        // Held open for reading, or opening it to write would fail anyway.
        let reader = open(path, O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        for (path, reason) in [
            (path, "it is not a regular file"), ("/dev/full", "it is not a regular file"),
            (directory.path, "Is a directory"), (directory("no/such/file"), "No such file or directory"),
            (directory(""), "it is a directory"),
            (directory(String(repeating: "x", count: 250)), "its name is too long: 224 bytes are the most"),
        ] {
            let error = #expect(throws: ExportError.self) { try makeExporter(path) }
            #expect(error?.description == "cannot use the export file \(path): \(reason)")
        }
    }

    @Test("no file grows beyond its size, and the oldest backups go")
    func sizes() async throws {
        let exporter = try makeExporter {
            $0.rotation = RotationPolicy(maxSize: 1000)
            $0.maxBackups = 3
        }
        try await run(exporter) {
            // 100 bytes each, and one that has no room anywhere.
            for number in 10..<60 { hub.publish(lines: ["\(number)" + String(repeating: "x", count: 97)]) }
            hub.publish(lines: [String(repeating: "y", count: 1500)])
            hub.publish(lines: ["last"])
            try await written(52)
            try await eventually("backups to go") { directory.names.count == 4 }
        }
        let files = try directory.names.map(directory.read)
        #expect(files.map(\.count) == [1000, 1000, 1501, 5])
        #expect(files[0].hasPrefix("40") && files[3] == "last\n")
    }

    @Test("a file that is old goes without an event to move it")
    func age() async throws {
        let exporter = try makeExporter { $0.rotation = RotationPolicy(maxSize: 1 << 20, interval: 1_000_000) }
        try await run(exporter) {
            hub.publish(lines: ["1"])
            try await eventually("the rotation") { directory.names.count == 2 }
            try await Task.sleep(for: .milliseconds(1500))
            // An empty file is not rotated.
            #expect(directory.names.count == 2)
        }
        #expect(try directory.names.map(directory.read) == ["1\n", ""])
    }

    @Test("a file that was moved away is left at the signal, one that was removed by itself, with its directory too")
    func movedAway() async throws {
        let logs = directory("logs")
        mkdir(logs, 0o700)
        let exporter = try makeExporter(logs + "/events.json")
        try await run(exporter) {
            hub.publish(lines: ["1"])
            try await written(1)
            rename(logs + "/events.json", logs + "/events.json.1")
            hub.publish(lines: ["2"])
            try await written(2)
            await exporter.reopen()
            hub.publish(lines: ["3"])
            try await written(3)
            #expect(try directory.read("logs/events.json.1") == "1\n2\n")
            #expect(try directory.read("logs/events.json") == "3\n")
            try FileManager.default.removeItem(atPath: logs)
            mkdir(logs, 0o700)
            try await eventually("another file") { access(logs + "/events.json", F_OK) == 0 }
            hub.publish(lines: ["4"])
        }
        #expect(try directory.read("logs/events.json") == "4\n")
    }

    @Test("a directory that was put in the place of the file's gets nothing, a link in the file's place neither")
    func swapped() async throws {
        let (logs, moved) = (directory("logs"), directory("moved"))
        mkdir(logs, 0o700)
        let exporter = try makeExporter(logs + "/events.json") { $0.rotation = RotationPolicy(maxSize: 4) }
        try await run(exporter) {
            rename(logs, moved)
            mkdir(logs, 0o700)
            hub.publish(lines: ["111", "222"])
            try await written(2)
            // Where rotation cannot have the name, the file in use is used on.
            try await eventually("the backup") { directory.names.count == 2 }
            let backup = try FileManager.default.contentsOfDirectory(atPath: moved).filter { $0 != "events.json" }
            #expect(backup.count == 1)
            unlink(moved + "/events.json")
            symlink(directory("target"), moved + "/events.json")
            try await eventually("the refusal") { log.lines.contains { $0.contains("it is a symbolic link") } }
            hub.publish(lines: ["333", "444"])
            try await written(4)
            unlink(moved + "/events.json")
            try await eventually("the file") { access(moved + "/events.json", F_OK) == 0 }
            hub.publish(lines: ["555"])
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: logs).isEmpty)
        #expect(access(directory("target"), F_OK) != 0)
        #expect(try directory.read("moved/events.json") == "555\n")
    }

    @Test("a full disk loses lines, which are counted, leaves none torn, and is told once")
    func fullDisk() async throws {
        let disk = try Directory(disk: "64k")
        let line = String(repeating: "x", count: 2999)
        let exporter = try makeExporter(disk("events.json"))
        try await run(exporter) {
            for _ in 0..<10 { hub.publish(lines: Array(repeating: line, count: 10)) }
            try await eventually("the account") { hub.export?.outcome.allFailed == 100 - UInt64((64 << 10) / 3000) }
            let content = try disk.read("events.json")
            #expect(content.utf8.count % 3000 == 0 && content.hasSuffix("\n"))
            truncate(disk("events.json"), 0)
            hub.publish(lines: ["short"])
            try await written(UInt64((64 << 10) / 3000) + 1)
            #expect(try disk.read("events.json") == "short\n")
        }
        #expect(hub.accounts[0].outcome.failed.keys.sorted() == ["No space left on device"])
        #expect(log.lines.count { $0.contains("cannot write") } <= 2)
    }

    @Test("what is above the rate is withheld, counted and told in the export")
    func rate() async throws {
        try await run(makeExporter { $0.rateLimit = 3 }) {
            hub.publish(lines: (0..<10).map { "{\"n\":\($0)}" })
        }
        let lines = try directory.read("events.json").split(separator: "\n")
        #expect(lines.count == 4 && lines[2] == "{\"n\":2}")
        let prefix = #"{"rate_limit_info":{"number_of_dropped_process_events":"7"},"node_name":"n","time":"20"#
        #expect(lines.last?.hasPrefix(prefix) == true)
        #expect(hub.accounts[0].outcome.written == 3 && hub.accounts[0].outcome.withheld == 7)
    }

    @Test("only events that the lists let through are written")
    func lists() async throws {
        let exporter = try makeExporter {
            $0.filter = try EventFilter(
                allow: #"{"event_set": ["PROCESS_EXEC"]}"#, of: "--export-allowlist", deny: #"{"pid": [2]}"#,
                of: "--export-denylist")
        }
        try await run(exporter) {
            hub.publish(events: [event("1"), event("2", pid: 2), event("3", kind: .processExit), event("4")])
        }
        #expect(try directory.read("events.json") == "1\n4\n")
    }

    @Test("fields that are not wanted are not written")
    func fields() async throws {
        let exporter = try makeExporter {
            $0.fields = try FieldFilters(#"{"fields": "process.binary,process.pid"}"#, of: "--field-filters")
        }
        let message =
            try Tetragon_GetEventsResponse.with {
                $0.processExec.process = .with {
                    $0.binary = "/bin/sh"
                    $0.arguments = "-c secret"
                    $0.pid = 7
                }
                $0.nodeName = "node"
            }.serializedBytes() as [UInt8]
        try await run(exporter) { hub.publish(events: [event("unused", message: message)]) }
        let line = #"{"process_exec":{"process":{"pid":7,"binary":"/bin/sh"}},"node_name":"node"}"# + "\n"
        #expect(try directory.read("events.json") == line)
    }

    @Test("an exporter that ends leaves no subscription")
    func end() throws {
        do { _ = try makeExporter() }
        #expect(hub.accounts.count == 1)
    }
}
