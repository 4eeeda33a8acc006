// SPDX-License-Identifier: Apache-2.0
import NRI
import Testing

@Suite struct FramingTests {
    private static let frames = (0..<40).map { index in
        Frame(
            kind: index % 3 == 0 ? .response : .request, stream: UInt32(2 * index + 1), flags: UInt8(index % 2),
            payload: [UInt8](repeating: UInt8(index), count: index * 37 % 300))
    }

    @Test(arguments: [1, 2, 7, 8, 9, 17, 18, 64, 4096])
    func framesComeOutWholeHoweverTheyAreCut(length: Int) throws {
        // Two channels take turns, in pieces of 11 bytes: no frame of either is in one piece.
        var wire: [UInt8] = []
        var rest = Self.frames.flatMap(\.bytes)[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(11))
            wire += Wire.piece(1, piece) + Wire.piece(2, piece)
            rest = rest.dropFirst(11)
        }
        var demultiplexer = Demultiplexer()
        var readers: [UInt32: FrameReader] = [1: FrameReader(), 2: FrameReader()]
        var found: [UInt32: [Frame]] = [:]
        for start in stride(from: 0, to: wire.count, by: length) {
            var input = wire[start..<min(start + length, wire.count)]
            while let (channel, bytes) = try demultiplexer.next(of: &input) {
                readers[channel]?.append(bytes)
                while let frame = try readers[channel]?.next() { found[channel, default: []].append(frame) }
            }
        }
        #expect(found == [1: Self.frames, 2: Self.frames])
        #expect(demultiplexer.isIdle && readers.values.allSatisfy(\.isIdle))
    }

    @Test func aPartOfAFrameIsNoFrame() throws {
        var reader = FrameReader()
        reader.append(Self.frames[1].bytes.dropLast())
        #expect(try reader.next() == nil)
        #expect(!reader.isIdle)
        reader.append(Self.frames[1].bytes.suffix(1))
        #expect(try reader.next() == Self.frames[1])
        #expect(reader.isIdle)
    }

    @Test func theLongestFrameIsTakenAndALongerOneIsNot() throws {
        var reader = FrameReader()
        let longest = Frame(kind: .request, stream: 1, payload: [UInt8](repeating: 7, count: 4 << 20))
        reader.append(longest.bytes[...])
        #expect(try reader.next() == longest)
        reader.append(([0x00, 0x40, 0x00, 0x01] + [0, 0, 0, 3, 1, 0])[...])
        #expect(throws: ConnectionFailure.self) { try reader.next() }
    }

    @Test func theLongestPieceIsTakenAndALongerOneIsNot() throws {
        var demultiplexer = Demultiplexer()
        var input = ([0, 0, 0, 1, 0x00, 0x40, 0x00, 0x0a, 9] as [UInt8])[...]
        #expect(try demultiplexer.next(of: &input)?.bytes == [9])
        demultiplexer = Demultiplexer()
        input = [0, 0, 0, 1, 0x00, 0x40, 0x00, 0x0b, 9]
        #expect(throws: ConnectionFailure.self) { try demultiplexer.next(of: &input) }
    }

    @Test func whatIsSentGoesInPiecesThatTheRuntimesBufferHolds() {
        let bytes = [UInt8](repeating: 5, count: 10_000)
        #expect(
            Channel.plugin.pieces(of: bytes)
                == Wire.piece(1, Array(bytes.prefix(4096))) + Wire.piece(1, Array(bytes.prefix(4096)))
                + Wire.piece(1, Array(bytes.prefix(1808))))
        #expect(Channel.runtime.pieces(of: [1]) == [0, 0, 0, 2, 0, 0, 0, 1, 1])
    }

    @Test func piecesOfNothingAreNothing() throws {
        var demultiplexer = Demultiplexer()
        var input = (Wire.piece(1, []) + Wire.piece(2, []) + Wire.piece(1, [4]))[...]
        #expect(try demultiplexer.next(of: &input)?.bytes == [4])
        #expect(try demultiplexer.next(of: &input) == nil)
    }
}
