// SPDX-License-Identifier: Apache-2.0
internal import GRPCCore
internal import GRPCNIOTransportHTTP2Posix

/// Hands on messages that are encoded already, as every event is: once, for all clients.
struct EncodedMessageSerializer: MessageSerializer {
    func serialize<Bytes: GRPCContiguousBytes>(_ message: GRPCNIOTransportBytes) throws -> Bytes {
        // The transport asks for the very type that events carry: then nothing is copied.
        if let message = message as? Bytes { return message }
        return message.withUnsafeBytes { Bytes($0) }
    }
}

/// Reads nothing of a message whose method is refused anyway.
struct IgnoredMessageDeserializer: MessageDeserializer {
    func deserialize<Bytes: GRPCContiguousBytes>(_ serializedMessageBytes: Bytes) throws {}
}
