// SPDX-License-Identifier: Apache-2.0
import Logging
import NIOCore
import Policies
import Synchronization
import Testing

@testable import Outreach

@Suite struct OutreachTests {
    private static func get(_ url: String) throws -> Action { .getURL(try #require(WebAddress(url))) }

    /// With one that works, for the length of `body`.
    private static func with(
        _ hosts: [String] = ["127.0.0.1"], log: RecordedLog = .init(),
        _ adjust: (inout OutreachBounds) -> Void = { _ in },
        _ body: (Outreach) async throws -> Void
    ) async throws {
        var bounds = OutreachBounds()
        bounds.pace = .zero
        adjust(&bounds)
        let outreach = Outreach(OutreachHosts(hosts), bounds, log: log.logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await outreach.run() }
            defer { group.cancelAll() }
            try await body(outreach)
        }
    }

    private static func eventually(_ what: String, _ condition: () -> Bool) async throws {
        for _ in 0..<2000 where !condition() { try await Task.sleep(for: .milliseconds(10)) }
        #expect(condition(), "waited 20 s for \(what)")
    }

    @Test("a URL is asked for once by GET, with its query and without its fragment")
    func get() async throws {
        try await WebServer.with { server in
            try await Self.with { outreach in
                outreach.ask(try Self.get("http://127.0.0.1:\(server.port)/a%20b?c=d&e#f"), for: "p")
                try await Self.eventually("the answer") { outreach.counts.requests == [.done: 1] }
                #expect(
                    server.requests == [.init(method: "GET", uri: "/a%20b?c=d&e", host: "127.0.0.1:\(server.port)")])
                #expect(outreach.counts.lookups.isEmpty)
            }
        }
    }

    @Test("every answer is one, and where a redirect leads is not asked", arguments: ["/missing", "/moved"])
    func answers(_ path: String) async throws {
        try await WebServer.with { server in
            try await Self.with { outreach in
                outreach.ask(try Self.get("http://127.0.0.1:\(server.port)\(path)"), for: "p")
                try await Self.eventually("the answer") { outreach.counts.requests == [.done: 1] }
                #expect(server.requests.map(\.uri) == [path])
            }
        }
    }

    @Test("hosts that are not named are not reached, and what the kernel does is nobody else's")
    func refused() async throws {
        try await WebServer.with { server in
            for hosts in [[], ["other.example"], ["127.0.0.1.example"]] {
                try await Self.with(hosts) { outreach in
                    outreach.ask(try Self.get("http://127.0.0.1:\(server.port)/"), for: "p")
                    outreach.ask(.dnsLookup("localhost"), for: "p")
                    outreach.ask(.sigkill, for: "p")
                    #expect(outreach.counts.requests == [.refused: 1] && outreach.counts.lookups == [.refused: 1])
                }
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test(
        "where all hosts are allowed the machine itself is not, whatever it is called",
        arguments: [
            "localhost", "LOCALHOST", "127.0.0.1", "127.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]",
            "0.0.0.0",
        ])
    func near(_ host: String) async throws {
        try await WebServer.with { server in
            try await Self.with([OutreachHosts.any]) { outreach in
                outreach.ask(try Self.get("http://\(host):\(server.port)/"), for: "p")
                try await Self.eventually("the refusal") { !outreach.counts.requests.isEmpty }
                #expect(outreach.counts.requests == [.refused: 1] && server.requests.isEmpty)
            }
        }
    }

    @Test("a server that never answers keeps nobody else waiting")
    func silent() async throws {
        try await WebServer.with { server in
            try await Self.with(["127.0.0.1"], { $0.time = .seconds(300) }) { outreach in
                let silent = try Self.get("http://127.0.0.1:\(server.port)/silent")
                for _ in 0..<7 { outreach.ask(silent, for: "p") }
                try await Self.eventually("seven requests") { server.requests.count == 7 }
                for _ in 0..<20 { outreach.ask(try Self.get("http://127.0.0.1:\(server.port)/ok"), for: "q") }
                try await Self.eventually("the answers") { outreach.counts.requests == [.done: 20] }
                #expect(server.requests.count { $0.uri == "/silent" } == 7)
            }
        }
    }

    @Test("a server that never answers is given up, with a line for the first and none in the same minute")
    func givenUp() async throws {
        let log = RecordedLog()
        try await WebServer.with { server in
            try await Self.with(log: log, { $0.time = .milliseconds(300) }) { outreach in
                for _ in 0..<3 { outreach.ask(try Self.get("http://127.0.0.1:\(server.port)/silent"), for: "p") }
                try await Self.eventually("their ends") { outreach.counts.requests == [.failed: 3] }
            }
        }
        #expect(log.lines.count == 1)
        #expect(log.lines.first?.contains("policy=p") == true && log.lines.first?.contains("0.3 seconds") == true)
    }

    @Test("an answer without an end is not read for long")
    func endless() async throws {
        try await WebServer.with { server in
            try await Self.with { outreach in
                outreach.ask(try Self.get("http://127.0.0.1:\(server.port)/endless"), for: "p")
                try await Self.eventually("enough of it") { outreach.counts.requests == [.done: 1] }
                try await Task.sleep(for: .milliseconds(100))
                let bytes = server.bytes
                try await Task.sleep(for: .milliseconds(100))
                #expect(server.bytes == bytes && bytes < 16 << 20)
            }
        }
    }

    @Test("what is too much is dropped and counted, and the rest is done")
    func dropped() async throws {
        let log = RecordedLog()
        try await WebServer.with { server in
            var bounds = OutreachBounds()
            (bounds.waiting, bounds.pace) = (3, .zero)
            let outreach = Outreach(OutreachHosts(["127.0.0.1"]), bounds, log: log.logger)
            for _ in 0..<10 { outreach.ask(try Self.get("http://127.0.0.1:\(server.port)/"), for: "p") }
            #expect(outreach.counts.requests == [.dropped: 7])
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await outreach.run() }
                defer { group.cancelAll() }
                try await Self.eventually("the rest") { outreach.counts.requests == [.dropped: 7, .done: 3] }
            }
        }
        #expect(log.lines.count == 1)
    }

    @Test("one follows the other no sooner than the pace has it")
    func pace() async throws {
        try await WebServer.with { server in
            try await Self.with { bounds in
                (bounds.atOnce, bounds.pace) = (1, .milliseconds(100))
            } _: { outreach in
                let begun = ContinuousClock.now
                for _ in 0..<4 { outreach.ask(try Self.get("http://127.0.0.1:\(server.port)/"), for: "p") }
                try await Self.eventually("four answers") { outreach.counts.requests == [.done: 4] }
                #expect(ContinuousClock.now - begun >= .milliseconds(300))
            }
        }
    }

    @Test("of a host's addresses the first that takes a connection is asked")
    func addresses() async throws {
        try await WebServer.with { server in
            try await Self.with(["localhost"]) { outreach in
                outreach.ask(try Self.get("http://localhost:\(server.port)/"), for: "p")
                try await Self.eventually("the answer") { outreach.counts.requests == [.done: 1] }
                #expect(server.requests.map(\.host) == ["localhost:\(server.port)"])
            }
        }
    }

    @Test("where nobody listens the failure says so")
    func nobody() async throws {
        let log = RecordedLog()
        try await Self.with(log: log) { outreach in
            outreach.ask(try Self.get("http://127.0.0.1:1/"), for: "p")
            try await Self.eventually("the failure") { outreach.counts.requests == [.failed: 1] }
        }
        #expect(log.lines.first?.contains("refused") == true, "\(log.lines)")
    }

    @Test("whoever ends it waits for no answer")
    func ended() async throws {
        try await WebServer.with { server in
            let begun = ContinuousClock.now
            try await Self.with(["127.0.0.1"], { $0.time = .seconds(60) }) { outreach in
                outreach.ask(try Self.get("http://127.0.0.1:\(server.port)/silent"), for: "p")
                try await Self.eventually("the request") { server.requests.count == 1 }
            }
            #expect(ContinuousClock.now - begun < .seconds(30))
        }
    }

    // MARK: Names

    @Test("a name of the hosts file is found, and an address is its own")
    func names() async throws {
        let lookups = NameLookups(atOnce: 1)
        #expect(try await lookups.addresses(of: "localhost").contains { $0 == "127.0.0.1" || $0 == "::1" })
        try await Self.eventually("the thread's end") { lookups.isIdle }
        #expect(try await lookups.addresses(of: "::1") == ["::1"])
    }

    @Test("a lookup that has its answer holds up no other")
    func oneAfterTheOther() async throws {
        let lookups = NameLookups(atOnce: 1)
        for _ in 0..<1000 { #expect(try await !lookups.addresses(of: "localhost").isEmpty) }
    }

    @Test("an address is not looked up", arguments: ["127.0.0.1", "::1"])
    func noName(_ address: String) async throws {
        #expect(try await NameLookups(atOnce: 0).addresses(of: address) == [address])
    }

    @Test("a lookup is counted as what came of it")
    func lookups() async throws {
        let log = RecordedLog()
        try await Self.with(["localhost", "nobody.invalid"], log: log, { $0.time = .seconds(2) }) { outreach in
            outreach.ask(.dnsLookup("LOCALHOST."), for: "p")
            outreach.ask(.dnsLookup("localhost"), for: "p")
            outreach.ask(.dnsLookup("nobody.invalid"), for: "p")
            try await Self.eventually("their ends") { outreach.counts.lookups.values.reduce(0, +) == 3 }
            #expect((outreach.counts.lookups[.done] ?? 0) >= 1 && (outreach.counts.lookups[.failed] ?? 0) >= 1)
            #expect(outreach.counts.requests.isEmpty)
        }
        #expect(log.lines.contains { $0.contains("policy=p") })
    }

    @Test("more lookups at once than there are threads are refused")
    func crowd() async throws {
        await #expect(throws: OutreachError.self) { try await NameLookups(atOnce: 0).addresses(of: "localhost") }
    }
}

/// Lines of a log, as text.
final class RecordedLog: Sendable {
    private let recorded = Mutex<[String]>([])
    var lines: [String] { recorded.withLock { $0 } }
    var logger: Logger { Logger(label: "test") { _ in Handler(record: self) } }

    private struct Handler: LogHandler {
        let record: RecordedLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let fields = (event.metadata ?? [:]).map { "\($0)=\($1)" }.sorted().joined(separator: " ")
            record.recorded.withLock { $0.append("\(event.message) \(fields)") }
        }
    }
}
