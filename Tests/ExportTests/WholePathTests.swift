// SPDX-License-Identifier: Apache-2.0
import Events
import Foundation
import Testing

@testable import Export

/// From the hub to compressed files, under everything that happens to export files at once.
@Suite struct WholePathTests {
    private static let count = ProcessInfo.processInfo.environment["APUS_EXPORTED"].flatMap { Int($0) } ?? 50_000
    private static let padding = String(repeating: "abcdefghij klmnopqrst uvwxyz ", count: 10)

    @Test("every line is in one file once or is counted lost, under rotation, moves, a full disk and compression")
    func everythingAtOnce() async throws {
        // Room for what was moved away and for what is not compressed yet; the rest comes down to a tenth and less.
        let disk = try Directory(disk: "96m")
        let hub = EventHub()
        var configuration = ExportConfiguration(path: disk("events.json"))
        configuration.rotation = RotationPolicy(maxSize: 1 << 20, interval: 2_000_000_000)
        configuration.maxBackups = 0
        configuration.compresses = true
        let log = Log()
        let exporter = try JSONExporter(configuration, hub: hub, encoder: encoder, logger: log.logger)
        let done = Task { await exporter.run() }

        var next = 0
        func publish(_ count: Int) async throws {
            for _ in 0..<count / 500 {
                hub.publish(lines: (next..<next + 500).map { "{\"n\":\($0),\"padding\":\"\(Self.padding)\"}" })
                next += 500
                try await eventually("the exporter to keep up") {
                    hub.export.map { next - Int($0.delivered + $0.lost) < 8000 } ?? false
                }
            }
        }
        let moves = Task {
            var moved = 0
            while !Task.isCancelled {
                try? await Task.sleep(for: .milliseconds(Int.random(in: 1...200)))
                // logrotate: by another name first, then the signal; and the signal alone.
                if moved < 30, Bool.random() {
                    moved += 1
                    rename(disk("events.json"), disk("events.json.\(moved)"))
                    try? await Task.sleep(for: .milliseconds(Int.random(in: 0...20)))
                }
                await exporter.reopen()
            }
            return moved
        }
        try await publish(Self.count * 2 / 5)
        // The disk is full until something was lost.
        let ballast = open(disk("ballast"), O_WRONLY | O_CREAT | O_APPEND, 0o600)
        let block = [UInt8](repeating: 0, count: 1 << 14)
        while hub.export?.outcome.allFailed == 0 {
            while write(ballast, block, block.count) > 0 {}
            try await publish(500)
        }
        close(ballast)
        unlink(disk("ballast"))
        try await publish(Self.count - next)
        moves.cancel()
        let moved = await moves.value
        hub.close()
        await done.value

        // What was not compressed in time is at the next start.
        let place = try ExportPlace(path: disk("events.json"), permissions: 0o600)
        try await BackupKeeper(place, maxBackups: 0, compresses: true, logger: log.logger).sweep()

        let account = hub.accounts[0]
        var seen = Set<Int>()
        var compressed = 0
        for name in disk.names {
            let content = try disk.read(name)
            #expect(content.isEmpty || content.hasSuffix("\n"), "\(name) ends in the middle of a line")
            #expect(content.utf8.count <= 1 << 20, "\(name) is too large")
            if name.hasSuffix(".gz") { compressed += 1 }
            for line in content.split(separator: "\n") {
                guard line.hasPrefix("{\"n\":"), line.hasSuffix(",\"padding\":\"\(Self.padding)\"}"),
                    let number = Int(line.dropFirst(5).prefix { $0.isNumber })
                else {
                    Issue.record("torn: \(line.prefix(80))")
                    continue
                }
                #expect(seen.insert(number).inserted, "\(number) is there twice")
            }
        }
        #expect(UInt64(seen.count) == account.outcome.written)
        #expect(account.delivered == account.outcome.written + account.outcome.allFailed)
        #expect(UInt64(next) == account.delivered + account.lost)
        #expect(account.outcome.failed.keys.sorted() == ["No space left on device"])
        #expect(log.lines.contains { $0.hasPrefix("exported events can be written again") })
        #expect(compressed > 0 && moved > 0)
        print(
            "@@ figure exported: \(next) events, \(account.outcome.written) written, \(account.outcome.allFailed) lost to",
            "the full disk, \(account.lost) at the queue, \(compressed) files compressed, \(moved) moved away")
    }
}
