// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// The runtime's side of NRI: takes plugins on a socket.
final class RuntimeSide {
    private let listener: Int32
    private let path: String

    init(_ scratch: Scratch) throws {
        path = scratch.socket
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafeBytes(of: &address) {
            bind(listener, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t($0.count))
        }
        try #require(bound == 0 && listen(listener, 8) == 0)
    }

    deinit {
        close(listener)
        unlink(path)
    }

    /// The next plugin that connects.
    func accept(within milliseconds: Int32 = 10_000) throws -> Conversation {
        var entry = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
        try #require(poll(&entry, 1, milliseconds) == 1, "no plugin connects")
        let connection = Foundation.accept(listener, nil, nil)
        try #require(connection >= 0)
        _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
        return Conversation(connection)
    }

    /// The next plugin, registered and configured.
    func acceptRegistered(configuration: String = "") throws -> Conversation {
        let conversation = try accept()
        try conversation.register(configuration: configuration)
        return conversation
    }
}

/// A connection with a plugin, from the runtime's end. Waits ten seconds for anything.
final class Conversation {
    struct Message: Equatable {
        var channel: UInt32
        var type: UInt8
        var stream: Int
        var flags: UInt8
        var payload: [UInt8]
    }

    private let descriptor: Int32
    private var streams = -1
    private var isOpen = true
    private var pending: [UInt32: [UInt8]] = [:]
    /// How long the pieces were that came.
    private(set) var pieces: [Int] = []

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    deinit { hangUp() }

    func hangUp() {
        if isOpen { close(descriptor) }
        isOpen = false
    }

    /// Takes the registration, answers it, and configures the plugin.
    func register(configuration: String = "") throws {
        #expect(try receive().channel == Wire.runtime)
        try send(Wire.piece(Wire.runtime, Wire.frame(2, stream: 1, [])))
        let call = Wire.field(1, configuration) + Wire.field(2, "containerd") + Wire.field(3, "v1.7.27")
        #expect(try self.call("Configure", call) == Wire.response(Wire.field(2, integer: 8)))
    }

    /// Calls a method of the plugin. Returns the response's bytes.
    func call(_ method: String, _ payload: [UInt8] = [], service: String = "Plugin") throws -> [UInt8] {
        let stream = nextStream()
        let request = Wire.request(method, payload, service: service)
        try send(Wire.piece(Wire.plugin, Wire.frame(1, stream: stream, request)))
        let answer = try receive()
        #expect(answer.channel == Wire.plugin && answer.type == 2 && answer.stream == stream && answer.flags == 0)
        return answer.payload
    }

    func nextStream() -> Int {
        streams += 2
        return streams
    }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            try #require(sent > 0, "the plugin takes nothing more: \(String(cString: strerror(errno)))")
            rest = rest.dropFirst(sent)
        }
    }

    /// The next message, whatever channel it is on.
    func receive() throws -> Message {
        while true {
            for (channel, bytes) in pending where bytes.count >= 10 {
                let length = Self.number(bytes[0..<4])
                guard bytes.count >= 10 + length else { continue }
                pending[channel] = Array(bytes.dropFirst(10 + length))
                return Message(
                    channel: channel, type: bytes[8], stream: Self.number(bytes[4..<8]), flags: bytes[9],
                    payload: Array(bytes[10..<10 + length]))
            }
            let header = try read(8)
            let piece = try read(Self.number(header[4..<8]))
            pieces.append(piece.count)
            pending[UInt32(Self.number(header[0..<4])), default: []] += piece
        }
    }

    /// Exactly so many bytes as they come.
    func read(_ count: Int) throws -> [UInt8] {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while result.count < count {
            let got = recv(descriptor, &buffer, min(buffer.count, count - result.count), 0)
            try #require(got > 0, "the plugin sends \(result.count) of \(count) bytes")
            result += buffer.prefix(got)
        }
        return result
    }

    /// Whether the plugin hangs up, without a word, in ten seconds.
    func isHungUpOn() -> Bool {
        var byte: UInt8 = 0
        let got = recv(descriptor, &byte, 1, 0)
        return got == 0 || (got < 0 && errno == ECONNRESET)
    }

    /// Whether the plugin says nothing for so long.
    func isSilent(milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, milliseconds) == 0
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }
    private static func number(_ bytes: [UInt8]) -> Int { number(bytes[...]) }
}
