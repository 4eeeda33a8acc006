// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import Server

@Suite struct PingAnswererTests {
    private let preface = [UInt8]("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private func frame(type: UInt8, flags: UInt8 = 0, stream: UInt8 = 0, _ payload: [UInt8]) -> [UInt8] {
        [0, UInt8(payload.count >> 8), UInt8(payload.count & 0xff), type, flags, 0, 0, 0, stream] + payload
    }

    private func ping(_ mark: UInt8, flags: UInt8 = 0) -> [UInt8] {
        frame(type: 6, flags: flags, [UInt8](repeating: mark, count: 8))
    }

    /// What the HTTP/2 stack gets to see, and what the client gets back.
    private func exchange(_ pieces: [[UInt8]]) throws -> (inner: [UInt8], answers: [UInt8]) {
        let channel = EmbeddedChannel(handler: PingAnswerer())
        channel.isWritable = true
        for piece in pieces { try channel.writeInbound(ByteBuffer(bytes: piece)) }
        var inner: [UInt8] = []
        var answers: [UInt8] = []
        while let buffer = try channel.readInbound(as: ByteBuffer.self) { inner += Array(buffer.readableBytesView) }
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) { answers += Array(buffer.readableBytesView) }
        return (inner, answers)
    }

    @Test func pingsAreAnsweredAndEverythingElsePassesHoweverTheBytesArrive() throws {
        let settings = frame(type: 4, [0, 3, 0, 0, 0, 100])
        let data = frame(type: 0, stream: 1, ping(9))  // a DATA frame whose content looks like a PING
        let stream = preface + settings + ping(1) + data + ping(2) + ping(3, flags: 1) + settings
        let inner = preface + settings + data + ping(3, flags: 1) + settings
        let answers = ping(1, flags: 1) + ping(2, flags: 1)

        for size in [1, 2, 7, 17, 40, stream.count] {
            let pieces = stride(from: 0, to: stream.count, by: size).map {
                Array(stream[$0..<min($0 + size, stream.count)])
            }
            let result = try exchange(pieces)
            #expect(result.inner == inner, "in pieces of \(size)")
            #expect(result.answers == answers, "in pieces of \(size)")
        }
    }

    @Test func malformedPingsAreLeftToTheStack() throws {
        let wrongLength = frame(type: 6, [1, 2, 3])
        let onStream = frame(type: 6, stream: 1, [UInt8](repeating: 0, count: 8))
        let result = try exchange([preface + wrongLength + onStream])
        #expect(result.inner == preface + wrongLength + onStream)
        #expect(result.answers.isEmpty)
    }

    @Test func floodClosesTheConnection() throws {
        let channel = EmbeddedChannel(handler: PingAnswerer(mostPerSecond: 100))
        try channel.writeInbound(ByteBuffer(bytes: preface))
        let burst = ByteBuffer(bytes: (0..<100).flatMap { _ in ping(1) })
        _ = try? channel.writeInbound(burst)
        #expect(!channel.closed)
        _ = try? channel.writeInbound(burst)
        #expect(channel.closed)
    }

    @Test func clientThatPingsButNeverReadsIsCutOff() throws {
        let channel = EmbeddedChannel(handler: PingAnswerer())
        try channel.writeInbound(ByteBuffer(bytes: preface))
        channel.isWritable = false
        try channel.writeInbound(ByteBuffer(bytes: ping(1)))
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
        for _ in 0..<100 { _ = try? channel.writeInbound(ByteBuffer(bytes: ping(1))) }
        #expect(channel.closed)
    }
}

extension EmbeddedChannel {
    fileprivate var closed: Bool {
        let done = Mutex(false)
        closeFuture.whenComplete { _ in done.withLock { $0 = true } }
        embeddedEventLoop.run()
        return done.withLock { $0 }
    }
}
