// SPDX-License-Identifier: Apache-2.0

/// The state that a runtime writes to a hook's standard input, as far as the hook needs it.
package struct OCIState: Sendable, Equatable {
    package var ociVersion = ""
    package var id = ""
    package var status = ""
    /// The init's pid as the runtime gives it: a host pid in createRuntime, a pid of the container's namespace (runc)
    /// or 0 (crun) in createContainer.
    package var pid: UInt32 = 0
    /// Absolute; checked by the reader, because a relative one would be looked up in the container's files.
    package var bundle = ""
    package var annotations = Annotations()

    package init() {}
}

/// Reads an `OCIState` from JSON events. Members that it does not know are skipped.
package struct OCIStateReader: JSONDocumentReader {
    private enum Place {
        case state, annotations, elsewhere
    }

    private var state = OCIState()
    private var places: [Place] = []
    private var key = ""

    package init() {}

    /// The document, once all its events have been received.
    package func finish() throws(OCIDocumentError) -> OCIState {
        if state.id.isEmpty {
            throw .missing(field: "id")
        }
        if state.bundle.isEmpty {
            throw .missing(field: "bundle")
        }
        if state.bundle.utf8.first != UInt8(ascii: "/") {
            throw .invalid(field: "bundle", why: "is not an absolute path")
        }
        if state.bundle.utf8.contains(0) {
            throw .invalid(field: "bundle", why: "contains a NUL byte")
        }
        return state
    }

    package mutating func receive(_ event: JSONEvent) throws(OCIDocumentError) {
        switch event {
        case .beginObject, .beginArray:
            try descend(event)
        case .endObject, .endArray:
            places.removeLast()
        case .key(let bytes):
            if places.last != .elsewhere {
                key = String(decoding: bytes, as: UTF8.self)
            }
        case .string, .number, .bool, .null:
            try scalar(event)
        }
    }

    private mutating func descend(_ event: JSONEvent) throws(OCIDocumentError) {
        guard places.count < maximumJSONDepth else {
            throw .tooDeep
        }
        switch (places.last, event) {
        case (nil, .beginObject): places.append(.state)
        case (nil, _): throw .wrongType(field: "the document")
        case (.state, .beginObject) where key == "annotations": places.append(.annotations)
        case (.state, _) where ["id", "pid", "bundle", "annotations"].contains(key): throw .wrongType(field: key)
        case (.annotations, _): throw .wrongType(field: "annotations")
        default: places.append(.elsewhere)
        }
    }

    private mutating func scalar(_ event: JSONEvent) throws(OCIDocumentError) {
        switch (places.last, event) {
        case (nil, _):
            throw .wrongType(field: "the document")
        case (.elsewhere, _), (_, .null):
            return
        case (.annotations, .string(let bytes)):
            try state.annotations.read(key, String(decoding: bytes, as: UTF8.self))
        case (.annotations, _):
            throw .wrongType(field: "annotations")
        case (.state, _):
            try member(event)
        }
    }

    private mutating func member(_ event: JSONEvent) throws(OCIDocumentError) {
        switch (key, event) {
        case ("ociVersion", .string(let bytes)): state.ociVersion = String(decoding: bytes, as: UTF8.self)
        case ("id", .string(let bytes)): state.id = String(decoding: bytes, as: UTF8.self)
        case ("status", .string(let bytes)): state.status = String(decoding: bytes, as: UTF8.self)
        case ("bundle", .string(let bytes)): state.bundle = String(decoding: bytes, as: UTF8.self)
        case ("pid", .number(let digits)):
            guard let pid = UInt32(String(decoding: digits, as: UTF8.self)) else {
                throw .invalid(field: "pid", why: "is not a process id")
            }
            state.pid = pid
        case ("id", _), ("bundle", _), ("pid", _), ("annotations", _):
            throw .wrongType(field: key)
        default:
            return
        }
    }
}
