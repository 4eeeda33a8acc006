// SPDX-License-Identifier: Apache-2.0

/// One step of a streaming JSON reader. The bytes belong to the reader and are valid during the call only; those of
/// keys and strings are unescaped.
package enum JSONEvent {
    case beginObject
    case endObject
    case beginArray
    case endArray
    case key(UnsafeBufferPointer<UInt8>)
    case string(UnsafeBufferPointer<UInt8>)
    case number(UnsafeBufferPointer<UInt8>)
    case bool(Bool)
    case null
}

/// Builds a value out of the events of one JSON document.
package protocol JSONDocumentReader {
    mutating func receive(_ event: JSONEvent) throws(OCIDocumentError)
}

/// Documents nested deeper than this are refused. A runtime's config.json needs eight levels.
package let maximumJSONDepth = 64

/// What is wrong with an OCI document whose JSON is sound.
package enum OCIDocumentError: Error, Equatable {
    case tooDeep
    case missing(field: String)
    case wrongType(field: String)
    case invalid(field: String, why: String)

    package var description: String {
        switch self {
        case .tooDeep: "nested deeper than 64 levels"
        case .missing(let field): "\(field) is missing"
        case .wrongType(let field): "\(field) has the wrong JSON type"
        case .invalid(let field, let why): "\(field) \(why)"
        }
    }
}
