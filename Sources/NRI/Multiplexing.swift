// SPDX-License-Identifier: Apache-2.0

/// The logical connections that share one socket. They are there without being opened.
package enum Channel: UInt32, Sendable {
    /// The runtime calls the plugin.
    case plugin = 1
    /// The plugin calls the runtime.
    case runtime = 2

    /// What goes over the socket so that these bytes come out of this channel.
    ///
    /// The runtime hands pieces, as they came, to a reader whose buffer has 4,096 bytes, and gives the connection up when
    /// one does not fit. So none is longer.
    package func pieces(of bytes: [UInt8]) -> [UInt8] {
        stride(from: 0, to: bytes.count, by: Self.longestPieceSent).reduce(into: []) { result, start in
            let piece = bytes[start..<min(start + Self.longestPieceSent, bytes.count)]
            result += rawValue.bigEndianBytes + UInt32(piece.count).bigEndianBytes + piece
        }
    }

    package static let longestPieceSent = 4096
}

/// Takes apart what the runtime sends: pieces, each led by its channel's number and its length in bytes, both of 32 bits,
/// the most significant byte first.
package struct Demultiplexer: Sendable {
    package static let headerLength = 8
    /// The longest piece that a runtime may send: one whole frame.
    package static let longestPiece = FrameReader.headerLength + FrameReader.longestPayload

    private var header: [UInt8] = []
    private var channel: UInt32 = 0
    private var rest = 0

    package init() {}

    /// Whether the last piece is complete.
    package var isIdle: Bool { header.isEmpty && rest == 0 }

    /// Takes the next bytes of one channel off the input: a piece, or as much of it as is there. Nil when the input is
    /// used up.
    package mutating func next(
        of input: inout ArraySlice<UInt8>
    ) throws(ConnectionFailure) -> (channel: UInt32, bytes: ArraySlice<UInt8>)? {
        while !input.isEmpty {
            if rest > 0 {
                let bytes = input.prefix(rest)
                input = input.dropFirst(bytes.count)
                rest -= bytes.count
                return (channel, bytes)
            }
            let missing = input.prefix(Self.headerLength - header.count)
            header += missing
            input = input.dropFirst(missing.count)
            guard header.count == Self.headerLength else { return nil }
            channel = header.bigEndian
            let length = header.dropFirst(4).bigEndian
            header = []
            guard length <= Self.longestPiece else {
                throw .protocolViolation("a piece of \(length) bytes, where \(Self.longestPiece) are the limit")
            }
            rest = Int(length)
        }
        return nil
    }
}
