// SPDX-License-Identifier: Apache-2.0
internal import CYajl
internal import Models

/// Why a document could not be read.
enum JSONError: Error, Equatable {
    case malformed
    case document(OCIDocumentError)
}

/// Walks a JSON document in memory. Its events go to `reader`, which keeps what it wants.
func parseJSON<Reader: JSONDocumentReader>(_ bytes: [UInt8], into reader: Reader) throws(JSONError) -> Reader {
    let sink = JSONSink(reader)
    var callbacks = JSONSink.callbacks
    let isSound = withExtendedLifetime(sink) {
        withUnsafePointer(to: &callbacks) { callbacks in
            guard let parser = yajl_alloc(callbacks, nil, Unmanaged.passUnretained(sink).toOpaque()) else {
                return false
            }
            defer { yajl_free(parser) }
            return yajl_parse(parser, bytes, bytes.count) == yajl_status_ok
                && yajl_complete_parse(parser) == yajl_status_ok
        }
    }
    if let problem = sink.problem { throw .document(problem) }
    guard isSound, let result = sink.reader as? Reader else { throw .malformed }
    return result
}

/// What the parser's callbacks find behind their context pointer.
private final class JSONSink {
    private(set) var reader: any JSONDocumentReader
    private(set) var problem: OCIDocumentError?

    init(_ reader: any JSONDocumentReader) { self.reader = reader }

    /// 0 stops the parser.
    private static func deliver(_ event: JSONEvent, to context: UnsafeMutableRawPointer?) -> CInt {
        guard let context else { return 0 }
        let sink = Unmanaged<JSONSink>.fromOpaque(context).takeUnretainedValue()
        do throws(OCIDocumentError) {
            try sink.reader.receive(event)
            return 1
        } catch {
            sink.problem = error
            return 0
        }
    }

    static var callbacks: yajl_callbacks {
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
        return callbacks
    }
}
