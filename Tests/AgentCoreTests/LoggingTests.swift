// SPDX-License-Identifier: Apache-2.0
import Foundation
import Logging
import Synchronization
import Testing

@testable import AgentCore

@Suite struct LoggingTests {
    private final class Sink: Sendable {
        private let bytes = Mutex<[UInt8]>([])
        var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }
        func write(_ line: [UInt8]) { bytes.withLock { $0 += line } }
    }

    private func logger(_ sink: Sink, _ format: LogFormat = .text, level: LogLevel = LogLevel(.info)) -> Logger {
        Logger(label: "containers") {
            LineLogHandler(label: $0, format: format, level: level, write: { sink.write($0) })
        }
    }

    @Test func entryIsOneLineOfFields() throws {
        let sink = Sink()
        logger(sink).info("ready", metadata: ["ready_ms": "412", "b": "two words", "a": ""])
        #expect(sink.text.hasSuffix(" level=info room=containers msg=ready a=\"\" b=\"two words\" ready_ms=412\n"))
        #expect(sink.text.prefixMatch(of: #/time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /#) != nil)
    }

    @Test func entryIsOneJSONObject() throws {
        let sink = Sink()
        logger(sink, .json).warning("odd", metadata: ["name": "a\"b\\c\nd\u{1b}[31m\u{202e}é"])
        let object = try JSONSerialization.jsonObject(with: Data(sink.text.utf8)) as? [String: String]
        #expect(object?["level"] == "warning")
        #expect(object?["room"] == "containers")
        #expect(object?["msg"] == "odd")
        #expect(object?["name"] == "a\"b\\c\nd\u{1b}[31m\u{202e}é")
    }

    @Test(arguments: LogFormat.allCases)
    func strangersCannotForgeLinesFieldsOrTerminalSequences(_ format: LogFormat) {
        let sink = Sink()
        logger(sink, format).info(
            "x\nlevel=critical",
            metadata: ["name": "y\" level=critical \u{1b}]0;z\u{7}\u{85}\u{9b}\u{2028}\u{202e}", "k ey=": "v"])
        #expect(sink.text.count { $0.isNewline } == 1)
        let hidden: Set<Unicode.GeneralCategory> = [.control, .format, .lineSeparator, .paragraphSeparator]
        let visible = sink.text.dropLast().unicodeScalars.allSatisfy { !hidden.contains($0.properties.generalCategory) }
        #expect(visible, "\(sink.text)")
        #expect(!sink.text.contains("y\" "))
        #expect(!sink.text.contains("k ey=") || format == .json)
    }

    @Test func levelChangesForAllLoggersAtRunTime() {
        let sink = Sink()
        let level = LogLevel(.info)
        let first = logger(sink, level: level)
        let second = logger(sink, level: level)
        first.debug("hidden")
        level.current = .debug
        first.debug("one")
        second.debug("two")
        level.current = .error
        second.info("hidden")
        #expect(sink.text.count { $0.isNewline } == 2)
        #expect(!sink.text.contains("hidden"))
    }

    @Test func errorOfAnEntryIsAField() {
        struct Odd: Error, CustomStringConvertible { let description = "no such thing" }
        let sink = Sink()
        logger(sink).error("cannot go on", error: Odd())
        #expect(sink.text.hasSuffix(" error=\"no such thing\"\n"))
    }
}
