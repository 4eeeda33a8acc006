// SPDX-License-Identifier: Apache-2.0

import CLICore
import SwiftProtobuf
import Testing
import TetragonAPI

@Suite struct EventReaderTests {
    private let exec = Samples.exec(Samples.podProcess("/bin/sh", "-c \"a b\" ü"))
    private let exit = Samples.exit(Samples.podProcess("/bin/sh"), status: 3)

    @Test("an event is the same after it was written and read, however the bytes are cut")
    func roundTrip() throws {
        let text = try JSONFormatter().format(exec) + JSONFormatter().format(exit)
        for size in [1, 7, 1000, 100_000] {
            var reader = EventReader()
            var events: [Tetragon_GetEventsResponse] = []
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                events += reader.read(rest.prefix(size))
                rest = rest.dropFirst(size)
            }
            #expect(events == [exec, exit])
            #expect(reader.finish() == nil && reader.complaint == nil)
        }
    }

    @Test("the last line needs no end, and others may end as on Windows")
    func ends() throws {
        let line = try String(JSONFormatter().format(exec).dropLast())
        var reader = EventReader()
        #expect(reader.read((line + "\r\n\n" + line).utf8) == [exec])
        #expect(reader.finish() == exec)
        #expect(reader.finish() == nil && reader.complaint == nil)
    }

    @Test("what is no event is counted, and told once with the first line and its reason")
    func rejections() throws {
        let line = try JSONFormatter().format(exec)
        var reader = EventReader()
        let text = line + "time=now level=info\n" + "{}\n" + "[1]\n" + line
        #expect(reader.read(text.utf8) == [exec, exec])
        #expect(reader.complaint == "3 of 5 lines were no events, the first of them line 2: it is no JSON of an event")
    }

    @Test("bytes that are not UTF-8, and JSON without a bottom, are no events")
    func hostile() {
        var reader = EventReader()
        let deep = "{\"process_exec\":" + String(repeating: "[", count: 100_000) + "\n"
        #expect(reader.read([0x7b, 0xff, 0xfe, 0x0a]).isEmpty)
        #expect(reader.read(deep.utf8).isEmpty)
        #expect(reader.complaint?.hasPrefix("2 of 2 lines were no events") == true)
    }

    @Test("a newer agent's fields and kinds of events do no harm")
    func newer() {
        var reader = EventReader()
        let text = #"{"process_exec":{"process":{"binary":"/a","novelty":[1]}},"x":{}}"# + "\n"
        let events = reader.read((text + #"{"process_novel":{},"node_name":"n"}"# + "\n").utf8)
        #expect(events.map(\.kind) == [.processExec, .undef])
        #expect(events.first?.processExec.process.binary == "/a" && reader.complaint == nil)
    }

    @Test("a line without an end takes no more memory than the longest may, and the next one is read")
    func tooLong() throws {
        var splitter = LineSplitter(longest: 4)
        #expect(splitter.split("abcd\nabc".utf8) == [.text(Array("abcd".utf8))])
        #expect(splitter.split("de".utf8).isEmpty)
        #expect(splitter.split("fffffff".utf8).isEmpty)
        #expect(splitter.split("f\nab\n".utf8) == [.tooLong, .text(Array("ab".utf8))])
        #expect(splitter.split("aaaaaa".utf8).isEmpty)
        #expect(splitter.finish() == .tooLong)

        var reader = EventReader(longestLine: 10)
        #expect(try reader.read(JSONFormatter().format(exec).utf8).isEmpty)
        #expect(reader.complaint?.contains("1 of 1 lines was no event, the first of them line 1: it is longer") == true)
    }
}
