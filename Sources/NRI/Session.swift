// SPDX-License-Identifier: Apache-2.0
package import Logging
internal import SwiftProtobuf

/// One connection, from the plugin's registration to the connection's end.
package struct Session {
    private static let service = "nri.pkg.api.v1alpha1.Runtime"
    /// The registration is the only call that the plugin makes.
    private static let registrationStream: UInt32 = 1
    /// A runtime takes plugins one after the other and waits up to five seconds for each.
    private static let registrationTime = Duration.seconds(30)
    /// For the rest of a frame, once it has begun.
    private static let frameTime = Duration.seconds(5)
    /// For an answer; the runtime waits no longer than two seconds.
    private static let sendTime = Duration.seconds(2)

    private let socket: RuntimeSocket
    private let identity: PluginIdentity
    private let log: Logger
    private var service: PluginService

    private var demultiplexer = Demultiplexer()
    private var calls = FrameReader()
    private var answers = FrameReader()
    private var lastStream: UInt32 = 0
    private var isRegistered = false
    private var isConfigured = false
    private var isLeaving = false

    package init(_ socket: RuntimeSocket, identity: PluginIdentity, service: PluginService, log: Logger) {
        self.socket = socket
        self.identity = identity
        self.service = service
        self.log = log
    }

    /// Registers the plugin and answers calls until the runtime closes the connection.
    package mutating func run() throws(ConnectionFailure) {
        let registrationEnd = ContinuousClock.now + Self.registrationTime
        try register()
        var frameEnd: ContinuousClock.Instant?
        while true {
            let isComplete = isRegistered && isConfigured
            let received = try socket.receive(
                until: [frameEnd, isComplete ? nil : registrationEnd].compactMap(\.self).min(),
                while: isComplete ? "reading what the runtime sends" : "registering the plugin")
            guard !received.isEmpty else {
                if isComplete || isLeaving { return }
                throw ConnectionFailure(
                    attempt: "registering the plugin", reason: "the runtime closed the connection",
                    advice: "see its log for the reason")
            }
            let frames = try take(received[...])
            let isIdle = demultiplexer.isIdle && calls.isIdle && answers.isIdle
            if isIdle {
                frameEnd = nil
            } else if frameEnd == nil || frames > 0 {
                frameEnd = ContinuousClock.now + Self.frameTime
            }
        }
    }

    private func register() throws(ConnectionFailure) {
        let call = NRIRegisterPluginRequest.with {
            $0.pluginName = identity.name
            $0.pluginIdx = identity.index
        }
        try send(.runtime, .request, Self.registrationStream) {
            try TTRPCRequest.with {
                $0.service = Self.service
                $0.method = "RegisterPlugin"
                $0.payload = try call.serializedBytes()
            }
        }
    }

    /// Handles what is complete of the input. Returns the number of frames.
    private mutating func take(_ input: ArraySlice<UInt8>) throws(ConnectionFailure) -> Int {
        var input = input
        var frames = 0
        while let (number, bytes) = try demultiplexer.next(of: &input) {
            switch Channel(rawValue: number) {
            case .plugin:
                calls.append(bytes)
                while let frame = try calls.next() {
                    try handle(call: frame)
                    frames += 1
                }
            case .runtime:
                answers.append(bytes)
                while let frame = try answers.next() {
                    try handle(answer: frame)
                    frames += 1
                }
            case nil:
                // A channel that a later version of the protocol may have; those of today skip it likewise.
                log.debug("skipped what came for an unknown channel", metadata: ["channel": "\(number)"])
            }
        }
        return frames
    }

    private mutating func handle(call frame: Frame) throws(ConnectionFailure) {
        // 1 says that no more data follows; 2 would begin a stream, and no method takes one.
        guard frame.kind == .request, frame.flags <= 1 else {
            throw .protocolViolation("a \(frame.kind) frame with flags \(frame.flags), where a request was due")
        }
        guard frame.stream % 2 == 1, frame.stream > lastStream else {
            throw .protocolViolation(
                "a request with stream id \(frame.stream), where an odd one above \(lastStream) was due")
        }
        lastStream = frame.stream
        let request: TTRPCRequest
        do {
            request = try TTRPCRequest(serializedBytes: frame.payload, options: .own)
        } catch {
            throw .protocolViolation("a request that is no protobuf message (\(error))")
        }
        let answer = service.answer(request)
        try send(.plugin, .response, frame.stream) { answer.response }
        if let note = answer.note { log.log(level: note.level, note.message, metadata: note.metadata) }
        isConfigured = isConfigured || answer.isConfiguration
        isLeaving = isLeaving || answer.isFarewell
    }

    private mutating func handle(answer frame: Frame) throws(ConnectionFailure) {
        guard frame.kind == .response else {
            throw .protocolViolation("a \(frame.kind) frame, where an answer was due")
        }
        guard frame.stream == Self.registrationStream, !isRegistered else {
            throw .protocolViolation("an answer with stream id \(frame.stream), which is no open call's")
        }
        let response: TTRPCResponse
        do {
            response = try TTRPCResponse(serializedBytes: frame.payload, options: .own)
        } catch {
            throw .protocolViolation("an answer that is no protobuf message (\(error))")
        }
        guard response.status.code == StatusCode.ok else {
            throw ConnectionFailure(
                attempt: "registering the plugin as \(identity.index)-\(identity.name)",
                reason: "the runtime refused: \(response.status.message.shortened) (code \(response.status.code))",
                advice: "see the runtime's log")
        }
        isRegistered = true
    }

    private func send(
        _ channel: Channel, _ kind: Frame.Kind, _ stream: UInt32, _ message: () throws -> some Message
    ) throws(ConnectionFailure) {
        let payload: [UInt8]
        do {
            payload = try message().serializedBytes()
        } catch {
            throw ConnectionFailure(
                attempt: "writing a message", reason: "\(error)", advice: "this is a mistake in the plugin: report it")
        }
        let frame = Frame(kind: kind, stream: stream, payload: payload)
        try socket.send(
            channel.pieces(of: frame.bytes), until: .now + Self.sendTime, while: "sending to the runtime")
    }
}
