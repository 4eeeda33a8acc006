// SPDX-License-Identifier: Apache-2.0
internal import Models

/// A JSON value in memory.
enum JSONValue: Sendable, Equatable {
    case object([String: JSONValue])
    case array([JSONValue])
    case string(String)
    /// As it is written.
    case number(String)
    case bool(Bool)
    case null

    /// A member of an object; nil of anything else.
    subscript(key: String) -> JSONValue? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    /// Empty if this is no object.
    var members: [String: JSONValue] { if case .object(let members) = self { members } else { [:] } }
    /// Empty if this is no array.
    var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }
    var text: String? { if case .string(let text) = self { text } else { nil } }

    /// A whole number that fits; nil for anything else.
    func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value? {
        if case .number(let digits) = self { Value(digits) } else { nil }
    }
}

/// Which parts of a document are kept. A container's config.json is long, and the agent wants ten words of it.
indirect enum Wanted: Sendable {
    case all
    /// These members of an object.
    case members([String: Wanted])
    /// The elements of an array, each like this.
    case each(Wanted)

    fileprivate func member(_ key: String) -> Wanted? {
        switch self {
        case .all: .all
        case .members(let members): members[key]
        case .each: nil
        }
    }

    fileprivate var element: Wanted? {
        switch self {
        case .all: .all
        case .members: nil
        case .each(let element): element
        }
    }
}

/// Builds the wanted part of a document, of a bounded number of values.
struct JSONTree: JSONDocumentReader {
    static let maximumCount = 262_144

    private struct Level {
        let wanted: Wanted?
        let isArray: Bool
        var key = ""
        /// Of an object: how far the member that comes next is wanted.
        var next: Wanted?
        var members: [String: JSONValue] = [:]
        var elements: [JSONValue] = []
    }

    private let wanted: Wanted
    private var levels: [Level] = []
    private var count = 0
    private(set) var root = JSONValue.null

    private init(_ wanted: Wanted) { self.wanted = wanted }

    static func parse(_ bytes: [UInt8], _ wanted: Wanted) throws(JSONError) -> JSONValue {
        try parseJSON(bytes, into: JSONTree(wanted)).root
    }

    mutating func receive(_ event: JSONEvent) throws(OCIDocumentError) {
        switch event {
        case .beginObject: try open(isArray: false)
        case .beginArray: try open(isArray: true)
        case .endObject, .endArray:
            let level = levels.removeLast()
            try place(level.isArray ? .array(level.elements) : .object(level.members))
        case .key(let bytes):
            guard let wanted = levels[levels.count - 1].wanted else { return }
            let key = String(decoding: bytes, as: UTF8.self)
            levels[levels.count - 1].key = key
            levels[levels.count - 1].next = wanted.member(key)
        case .string(let bytes): if expected != nil { try place(.string(String(decoding: bytes, as: UTF8.self))) }
        case .number(let bytes): if expected != nil { try place(.number(String(decoding: bytes, as: UTF8.self))) }
        case .bool(let value): try place(.bool(value))
        case .null: try place(.null)
        }
    }

    /// How far the value that comes next is wanted.
    private var expected: Wanted? {
        guard let last = levels.indices.last else { return wanted }
        return levels[last].isArray ? levels[last].wanted?.element : levels[last].next
    }

    private mutating func open(isArray: Bool) throws(OCIDocumentError) {
        guard levels.count < maximumJSONDepth else { throw .tooDeep }
        levels.append(Level(wanted: expected, isArray: isArray))
    }

    private mutating func place(_ value: JSONValue) throws(OCIDocumentError) {
        guard expected != nil else { return }
        count += 1
        guard count <= Self.maximumCount else {
            throw .invalid(field: "the document", why: "has more than \(Self.maximumCount) values")
        }
        guard let last = levels.indices.last else {
            root = value
            return
        }
        // In place: a copy of the level would be a copy of all its values, for each of them.
        if levels[last].isArray {
            levels[last].elements.append(value)
        } else {
            let key = levels[last].key
            levels[last].members[key] = value
        }
    }
}
