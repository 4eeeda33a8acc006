// SPDX-License-Identifier: Apache-2.0
import CHook
import CYajl

/// Why a document could not be read.
enum JSONError: Error {
    case read(CInt)
    case tooLong(limit: Int)
    /// Not JSON, or not UTF-8: the parser's own words.
    case malformed(String)
    case document(OCIDocumentError)

    var description: String {
        switch self {
        case .read(let error): errorText(error)
        case .tooLong(let limit): "longer than \(limit) bytes"
        case .malformed(let text): text
        case .document(let error): error.description
        }
    }
}

/// Streams a JSON document from a descriptor into `reader`. Only a piece of it is in memory at a time.
func readJSON<Reader: JSONDocumentReader>(
    from descriptor: CInt, limit: Int, into reader: Reader
) throws(JSONError) -> Reader {
    let sink = ReaderSink(reader)
    let error = parse(descriptor, limit, sink)
    if let problem = sink.problem {
        throw .document(problem)
    }
    if let error {
        throw error
    }
    return sink.reader
}

/// What the parser's callbacks find behind their context pointer: C function pointers cannot be generic.
private class JSONSink {
    fileprivate(set) var problem: OCIDocumentError?

    func receive(_ event: JSONEvent) throws(OCIDocumentError) {}

    /// False stops the parser.
    static func deliver(_ event: JSONEvent, to context: UnsafeMutableRawPointer?) -> CInt {
        guard let context else {
            return 0
        }
        let sink = Unmanaged<JSONSink>.fromOpaque(context).takeUnretainedValue()
        do throws(OCIDocumentError) {
            try sink.receive(event)
            return 1
        } catch {
            sink.problem = error
            return 0
        }
    }
}

private final class ReaderSink<Reader: JSONDocumentReader>: JSONSink {
    private(set) var reader: Reader

    init(_ reader: Reader) {
        self.reader = reader
    }

    override func receive(_ event: JSONEvent) throws(OCIDocumentError) {
        try reader.receive(event)
    }
}

private func parse(_ descriptor: CInt, _ limit: Int, _ sink: JSONSink) -> JSONError? {
    var callbacks = yajl_callbacks()
    callbacks.yajl_null = { JSONSink.deliver(.null, to: $0) }
    callbacks.yajl_boolean = { JSONSink.deliver(.bool($1 != 0), to: $0) }
    callbacks.yajl_number = { context, text, length in
        text?.withMemoryRebound(to: UInt8.self, capacity: length) {
            JSONSink.deliver(.number(UnsafeBufferPointer(start: $0, count: length)), to: context)
        } ?? 0
    }
    callbacks.yajl_string = { JSONSink.deliver(.string(UnsafeBufferPointer(start: $1, count: $2)), to: $0) }
    callbacks.yajl_map_key = { JSONSink.deliver(.key(UnsafeBufferPointer(start: $1, count: $2)), to: $0) }
    callbacks.yajl_start_map = { JSONSink.deliver(.beginObject, to: $0) }
    callbacks.yajl_end_map = { JSONSink.deliver(.endObject, to: $0) }
    callbacks.yajl_start_array = { JSONSink.deliver(.beginArray, to: $0) }
    callbacks.yajl_end_array = { JSONSink.deliver(.endArray, to: $0) }

    return withExtendedLifetime(sink) {
        withUnsafePointer(to: &callbacks) { callbacks -> JSONError? in
            guard let parser = yajl_alloc(callbacks, nil, Unmanaged.passUnretained(sink).toOpaque()) else {
                return .malformed("out of memory")
            }
            defer { yajl_free(parser) }
            return feed(parser, from: descriptor, limit: limit)
        }
    }
}

private func feed(_ parser: yajl_handle, from descriptor: CInt, limit: Int) -> JSONError? {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16 << 10) { piece -> JSONError? in
        var total = 0
        while true {
            let count = apus_read(descriptor, piece.baseAddress, piece.count)
            if count < 0 {
                return .read(CInt(-count))
            }
            if count == 0 {
                return yajl_complete_parse(parser) == yajl_status_ok ? nil : malformed(parser)
            }
            total += count
            if total > limit {
                return .tooLong(limit: limit)
            }
            if yajl_parse(parser, piece.baseAddress, count) != yajl_status_ok {
                return malformed(parser)
            }
        }
    }
}

private func malformed(_ parser: yajl_handle) -> JSONError {
    guard let text = yajl_get_error(parser, 0, nil, 0) else {
        return .malformed("not JSON")
    }
    defer { yajl_free_error(parser, text) }
    let message = String(cString: text)
    return .malformed(message.utf8.last == UInt8(ascii: "\n") ? String(message.dropLast()) : message)
}
