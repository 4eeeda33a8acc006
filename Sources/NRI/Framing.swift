// SPDX-License-Identifier: Apache-2.0

/// One message of ttrpc.
package struct Frame: Sendable, Equatable {
    /// What a frame is, by its number in the header.
    package enum Kind: UInt8, Sendable {
        case request = 1
        case response = 2
        /// A part of a stream; nothing in NRI streams.
        case data = 3
    }

    package var kind: Kind
    /// Pairs a response with its request. The caller counts them up in odd numbers.
    package var stream: UInt32
    package var flags: UInt8 = 0
    package var payload: [UInt8]

    package init(kind: Kind, stream: UInt32, flags: UInt8 = 0, payload: [UInt8]) {
        self.kind = kind
        self.stream = stream
        self.flags = flags
        self.payload = payload
    }

    package var bytes: [UInt8] {
        UInt32(payload.count).bigEndianBytes + stream.bigEndianBytes + [kind.rawValue, flags] + payload
    }
}

/// Puts together what comes out of a channel. Holds at most one frame and what of the next came with it.
package struct FrameReader: Sendable {
    package static let headerLength = 10
    /// In bytes.
    package static let longestPayload = 4 << 20

    private var buffer: [UInt8] = []
    private var start = 0

    package init() {}

    /// Whether the last frame is complete.
    package var isIdle: Bool { start == buffer.count }

    package mutating func append(_ bytes: ArraySlice<UInt8>) {
        if isIdle {
            // The largest frames come once, at the beginning: their memory is not kept.
            buffer.removeAll(keepingCapacity: buffer.capacity <= 64 << 10)
        } else {
            buffer.removeFirst(start)
        }
        start = 0
        buffer += bytes
    }

    /// The next frame, nil if not all of it is there. A header that no frame can have is refused before anything of the
    /// payload is waited for.
    package mutating func next() throws(ConnectionFailure) -> Frame? {
        let rest = buffer[start...]
        guard rest.count >= Self.headerLength else { return nil }
        let length = rest.bigEndian
        let stream = rest.dropFirst(4).bigEndian
        let number = rest[rest.startIndex + 8]
        guard length <= Self.longestPayload else {
            throw .protocolViolation("a frame of \(length) bytes, where \(Self.longestPayload) are the limit")
        }
        guard let kind = Frame.Kind(rawValue: number) else {
            throw .protocolViolation("a frame of the unknown type \(number)")
        }
        let end = start + Self.headerLength + Int(length)
        guard end <= buffer.count else { return nil }
        defer { start = end }
        return Frame(
            kind: kind, stream: stream, flags: rest[rest.startIndex + 9],
            payload: Array(buffer[start + Self.headerLength..<end]))
    }
}
