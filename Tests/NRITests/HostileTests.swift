// SPDX-License-Identifier: Apache-2.0
import Testing

@Suite struct HostileTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var name: String
        var bytes: [UInt8]
        var complaint: String
        var testDescription: String { name }

        init(_ name: String, _ bytes: [UInt8], _ complaint: String) {
            (self.name, self.bytes, self.complaint) = (name, bytes, complaint)
        }

        /// A frame on the plugin's channel; the registration has used stream 1 there.
        init(frame name: String, _ bytes: [UInt8], _ complaint: String) {
            self.init(name, Wire.piece(Wire.plugin, bytes), complaint)
        }
    }

    static let cases = [
        Case("a piece of 4 GB", [0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff], "a piece of 4294967295 bytes"),
        Case("a piece that is a little too long", [0, 0, 0, 9, 0, 0x40, 0, 0x0b], "a piece of 4194315 bytes"),
        Case(
            frame: "a frame that is a little too long", [0, 0x40, 0, 1, 0, 0, 0, 3, 1, 0], "a frame of 4194305 bytes"),
        Case(
            frame: "a frame of 4 GB", [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 3, 1, 0], "a frame of 4294967295 bytes"),
        Case(frame: "stream 0", Wire.frame(1, stream: 0, []), "a request with stream id 0"),
        Case(frame: "an even stream", Wire.frame(1, stream: 4, []), "a request with stream id 4"),
        Case(frame: "a stream once more", Wire.frame(1, stream: 1, []), "a request with stream id 1"),
        Case(frame: "type 0", Wire.frame(0, stream: 3, []), "the unknown type 0"),
        Case(frame: "type 4", Wire.frame(4, stream: 3, []), "the unknown type 4"),
        Case(frame: "an answer to nothing", Wire.frame(2, stream: 3, []), "a response frame"),
        Case(frame: "data without a stream", Wire.frame(3, stream: 3, []), "a data frame"),
        Case(frame: "a stream to come", Wire.frame(1, stream: 3, flags: 2, []), "with flags 2"),
        Case(frame: "no protobuf", Wire.frame(1, stream: 3, [0xff, 0xff]), "a request that is no protobuf message"),
        Case(
            frame: "a service name that is no text", Wire.frame(1, stream: 3, [0x0a, 2, 0xc3, 0x28]),
            "a request that is no protobuf message"),
        Case(
            "a call of the plugin's client", Wire.piece(Wire.runtime, Wire.frame(1, stream: 3, [])),
            "where an answer was due"),
        Case(
            "a second answer", Wire.piece(Wire.runtime, Wire.frame(2, stream: 1, [])), "an answer with stream id 1"),
        Case(
            "an answer to another call", Wire.piece(Wire.runtime, Wire.frame(2, stream: 3, [])),
            "an answer with stream id 3"),
        Case("another protocol", Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8), "a piece of"),
    ]

    @Test(arguments: cases)
    func whatIsNoFrameEndsTheConnectionWithOneErrorAndThePluginComesBack(_ hostile: Case) throws {
        let scratch = try Scratch()
        let runtime = try RuntimeSide(scratch)
        let plugin = try PluginProcess.connecting(scratch)
        let conversation = try runtime.acceptRegistered()
        try conversation.send(hostile.bytes)
        #expect(conversation.isHungUpOn())

        let next = try runtime.acceptRegistered()
        #expect(try next.call("CreateContainer", Wire.container()) == Wire.response(Wire.usualAdjustment))
        let errors = plugin.lines(with: "level=error")
        #expect(errors.count == 1)
        #expect(errors.first?.contains(hostile.complaint) == true, "\(errors)")
    }

    @Test func anAnswerToTheRegistrationThatIsNoMessageIsRefused() throws {
        let scratch = try Scratch()
        let runtime = try RuntimeSide(scratch)
        let plugin = try PluginProcess.connecting(scratch)
        let conversation = try runtime.accept()
        _ = try conversation.receive()
        try conversation.send(Wire.piece(Wire.runtime, Wire.frame(2, stream: 1, [0x12, 0x09])))
        #expect(conversation.isHungUpOn())
        #expect(plugin.hasSaid("an answer that is no protobuf message"))
        _ = try runtime.acceptRegistered()
    }

    @Test func aFrameThatDoesNotGoOnIsNotWaitedForForever() throws {
        let scratch = try Scratch()
        let runtime = try RuntimeSide(scratch)
        let plugin = try PluginProcess.connecting(scratch)
        let conversation = try runtime.acceptRegistered()
        try conversation.send(Wire.piece(Wire.plugin, Wire.frame(1, stream: 3, [1, 2, 3]).dropLast()))
        #expect(conversation.isHungUpOn())
        #expect(plugin.hasSaid("timed out"))
        _ = try runtime.acceptRegistered()
    }

    @Test func aConnectionWithoutCallsIsKept() throws {
        let scratch = try Scratch()
        let runtime = try RuntimeSide(scratch)
        let plugin = try PluginProcess.connecting(scratch)
        let conversation = try runtime.acceptRegistered()
        #expect(conversation.isSilent(milliseconds: 7_000))
        #expect(try conversation.call("CreateContainer", Wire.container()) == Wire.response(Wire.usualAdjustment))
        #expect(!plugin.log.contains("level=error"))
    }

    @Test func anUnknownChannelIsSkipped() throws {
        let scratch = try Scratch()
        let runtime = try RuntimeSide(scratch)
        let plugin = try PluginProcess.connecting(scratch)
        let conversation = try runtime.acceptRegistered()
        for channel: UInt32 in [0, 3, .max] {
            try conversation.send(Wire.piece(channel, [UInt8](repeating: 0xff, count: 100_000)))
        }
        #expect(try conversation.call("CreateContainer", Wire.container()) == Wire.response(Wire.usualAdjustment))
        #expect(!plugin.log.contains("level=error"))
    }

    @Test func theLargestRequestsDoNotMakeItGrow() throws {
        let scratch = try Scratch()
        let runtime = try RuntimeSide(scratch)
        let plugin = try PluginProcess.connecting(scratch)
        let conversation = try runtime.acceptRegistered()
        let filler = [UInt8](repeating: 0, count: (4 << 20) - 200)
        for _ in 0..<20 { #expect(try conversation.call("Synchronize", Wire.field(2, filler)) == []) }
        let first = try #require(plugin.peakMemory)
        for _ in 0..<60 { #expect(try conversation.call("Synchronize", Wire.field(2, filler)) == []) }
        let second = try #require(plugin.peakMemory)
        #expect(second < first + 8 << 10 && second < 96 << 10, "\(first) KiB, then \(second) KiB")
    }
}
