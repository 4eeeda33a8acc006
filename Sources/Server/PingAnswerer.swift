// SPDX-License-Identifier: Apache-2.0
internal import NIOCore

/// Answers HTTP/2 PINGs before the HTTP/2 stack sees them.
///
/// grpc-go measures bandwidth with a PING for every burst of DATA. The HTTP/2 stack below counts such PINGs as an
/// attack and says GOAWAY after 200 in 30 seconds, which would cut off every grpc-go client with a lively stream. So
/// they are taken out of the byte stream here and answered at once, under a bound of our own.
final class PingAnswerer: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let mostPerSecond: Int
    /// Answers that wait for a client which does not read. An honest one has one ping under way.
    static let mostWaiting = 64

    private enum Frame {
        static let preface = 24
        static let header = 9
        static let pingType: UInt8 = 6
        static let pingLength = 8
        static let acknowledged: UInt8 = 1
    }

    /// Bytes that go on as they are before the next frame header: at first the connection preface.
    private var passing = Frame.preface
    /// The beginning of a header or of a PING whose end has not arrived.
    private var partial = ByteBuffer()
    private var answers = ByteBuffer()
    private var windowStart = NIODeadline.now()
    private var windowCount = 0

    /// The default is more than any client can use: a ping measures a round trip, and the next waits for its answer.
    init(mostPerSecond: Int = 20_000) { self.mostPerSecond = mostPerSecond }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var input = unwrapInboundIn(data)
        if partial.readableBytes > 0 {
            partial.writeBuffer(&input)
            input = partial
            partial = ByteBuffer()
        }

        let output = separate(&input)
        if output.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(output)) }
        guard answers.readableBytes > 0 else { return }
        if isFlood(context) { return context.close(promise: nil) }
        if context.channel.isWritable { answer(context) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, answers.readableBytes > 0 { answer(context) }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        answers.clear()
        context.fireChannelInactive()
    }

    /// Takes the PINGs out of `input`: what remains is returned, their answers are added to `answers`.
    private func separate(_ input: inout ByteBuffer) -> ByteBuffer {
        let whole = input
        var runStart = input.readerIndex
        /// Nothing is copied until the first PING, and mostly there is none.
        var output = ByteBuffer()

        func endRun() {
            let run = whole.getSlice(at: runStart, length: input.readerIndex - runStart) ?? ByteBuffer()
            if output.readableBytes == 0 { output = run } else { output.writeImmutableBuffer(run) }
        }

        while input.readableBytes > 0 {
            if passing > 0 {
                let count = min(passing, input.readableBytes)
                input.moveReaderIndex(forwardBy: count)
                passing -= count
                continue
            }
            guard let ping = isPing(input) else { break }
            guard ping else {
                passing = Frame.header + length(input)
                continue
            }
            guard input.readableBytes >= Frame.header + Frame.pingLength else { break }
            endRun()
            appendAnswer(&input)
            runStart = input.readerIndex
        }
        endRun()
        partial = input.slice()
        return output
    }

    /// Nil when the header is not all there.
    private func isPing(_ input: ByteBuffer) -> Bool? {
        guard input.readableBytes >= Frame.header else { return nil }
        let at = input.readerIndex
        return input.getInteger(at: at + 3) == Frame.pingType && length(input) == Frame.pingLength
            && input.getInteger(at: at + 4, as: UInt8.self).map { $0 & Frame.acknowledged == 0 } == true
            && input.getInteger(at: at + 5, as: UInt32.self) == 0
    }

    private func length(_ input: ByteBuffer) -> Int {
        let at = input.readerIndex
        let high = input.getInteger(at: at, as: UInt8.self) ?? 0
        let low = input.getInteger(at: at + 1, as: UInt16.self) ?? 0
        return Int(high) << 16 | Int(low)
    }

    private func appendAnswer(_ input: inout ByteBuffer) {
        var ping = input.readSlice(length: Frame.header + Frame.pingLength) ?? ByteBuffer()
        ping.setInteger(Frame.acknowledged, at: ping.readerIndex + 4)
        answers.writeBuffer(&ping)
        windowCount += 1
    }

    private func isFlood(_ context: ChannelHandlerContext) -> Bool {
        let now = NIODeadline.now()
        if now - windowStart > .seconds(1) {
            windowStart = now
            windowCount = 0
        }
        return windowCount > mostPerSecond
            || answers.readableBytes > Self.mostWaiting * (Frame.header + Frame.pingLength)
                && !context.channel.isWritable
    }

    /// Whole frames between whole frames: the HTTP/2 stack writes a frame within one turn of the event loop.
    private func answer(_ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(answers), promise: nil)
        answers = ByteBuffer()
    }
}
