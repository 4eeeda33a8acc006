// SPDX-License-Identifier: Apache-2.0

// Well-known messages are read as values of CEL's own.

extension MessageValue {
    /// What CEL sees of the message.
    package func converted() throws(EvaluationError) -> Value {
        switch type.conversion {
        case .none: return .message(self)
        case .timestamp:
            guard let (seconds, nanoseconds) = try secondsAndNanoseconds(),
                let timestamp = Timestamp(checking: seconds, nanoseconds: Int32(truncatingIfNeeded: nanoseconds))
            else { throw .overflow("timestamp") }
            return .timestamp(timestamp)
        case .duration:
            guard let (seconds, nanoseconds) = try secondsAndNanoseconds(),
                let span = Span(seconds: seconds, nanoseconds: nanoseconds)
            else { throw .overflow("duration") }
            return .duration(span)
        case .any: return try unpacked()
        case .wrapper:
            guard let field = type.field("value") else { throw .malformedMessage(type.name) }
            return try read(field)
        case .structure:
            guard let field = type.field("fields"), case .map(let map) = try read(field) else {
                throw .malformedMessage(type.name)
            }
            return .map(map)
        case .listValue:
            guard let field = type.field("values") else { throw .malformedMessage(type.name) }
            return try read(field)
        case .value:
            for field in type.fields where try has(field) {
                return field.name == "null_value" ? .null : try read(field)
            }
            return .null
        }
    }

    private func secondsAndNanoseconds() throws(EvaluationError) -> (Int64, Int64)? {
        guard let first = type.field("seconds"), let second = type.field("nanos"),
            case .int(let seconds) = try read(first), case .int(let nanoseconds) = try read(second)
        else { return nil }
        return (seconds, nanoseconds)
    }

    /// The type and the bytes in an Any.
    func packed() throws(EvaluationError) -> (type: MessageType?, url: ByteString, bytes: ByteString) {
        guard let urlField = type.field("type_url"), let bytesField = type.field("value"),
            case .string(let url) = try read(urlField), case .bytes(let contents) = try read(bytesField)
        else { throw .malformedMessage(type.name) }
        let name = url.bytes.lastIndex(of: UInt8(ascii: "/")).map { url.bytes[($0 + 1)...] } ?? url.bytes
        return (pool.message(String(decoding: name, as: UTF8.self)), url, contents)
    }

    private func unpacked() throws(EvaluationError) -> Value {
        let (type, url, contents) = try packed()
        guard let type else { throw .invalidArgument("nothing is known of the type '\(url.string)' of an Any") }
        return try nested(type, contents).converted()
    }
}
