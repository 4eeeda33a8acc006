// SPDX-License-Identifier: Apache-2.0
import Models

/// A JSON value in Swift's own notation, walked as the hook's parser walks a document.
indirect enum JSON: ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
    ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral
{
    case object([(String, JSON)])
    case array([JSON])
    case string(String)
    case number(String)
    case bool(Bool)
    case null

    init(stringLiteral value: String) { self = .string(value) }
    init(arrayLiteral elements: JSON...) { self = .array(elements) }
    init(dictionaryLiteral elements: (String, JSON)...) { self = .object(elements) }
    init(integerLiteral value: Int) { self = .number("\(value)") }
    init(booleanLiteral value: Bool) { self = .bool(value) }
    init(nilLiteral: ()) { self = .null }

    func feed(_ reader: inout some JSONDocumentReader) throws(OCIDocumentError) {
        switch self {
        case .object(let members):
            try reader.receive(.beginObject)
            for (key, value) in members {
                try Self.send(key, to: &reader) { .key($0) }
                try value.feed(&reader)
            }
            try reader.receive(.endObject)
        case .array(let elements):
            try reader.receive(.beginArray)
            for element in elements {
                try element.feed(&reader)
            }
            try reader.receive(.endArray)
        case .string(let text): try Self.send(text, to: &reader) { .string($0) }
        case .number(let text): try Self.send(text, to: &reader) { .number($0) }
        case .bool(let value): try reader.receive(.bool(value))
        case .null: try reader.receive(.null)
        }
    }

    private static func send(
        _ text: String, to reader: inout some JSONDocumentReader, as event: (UnsafeBufferPointer<UInt8>) -> JSONEvent
    ) throws(OCIDocumentError) {
        var problem: OCIDocumentError?
        Array(text.utf8).withUnsafeBufferPointer { bytes in
            do throws(OCIDocumentError) {
                try reader.receive(event(bytes))
            } catch {
                problem = error
            }
        }
        if let problem {
            throw problem
        }
    }

    /// Arrays in arrays, with nothing in the middle.
    static func nested(_ depth: Int) -> JSON {
        (0..<depth).reduce(JSON.null) { inner, _ in .array([inner]) }
    }
}
