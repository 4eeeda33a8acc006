// SPDX-License-Identifier: Apache-2.0
package import GRPCNIOTransportHTTP2Posix
internal import SwiftProtobuf
package import TetragonAPI

/// Which fields of events a subscriber wants: the API's field filters, applied one after the other to the encoded event.
///
/// They concern the event's own message. The node, the time and what else stands beside it always stay.
package struct FieldFilters: Sendable {
    static let mostFilters = 64
    static let mostPaths = 256
    static let longestPath = 512

    fileprivate struct Step: Sendable {
        /// By kind.
        var trees: [Int: FieldTree]
        let keeps: Bool
    }

    fileprivate let steps: [Step]

    /// Events stay as they are.
    package static let none = FieldFilters()

    package var isEmpty: Bool { steps.isEmpty }

    private init() { steps = [] }

    /// - Parameter name: of the list, for the error: "field_filters".
    package init(_ filters: [Tetragon_FieldFilter], name: String = "field_filters") throws(FilterError) {
        guard filters.count <= Self.mostFilters else {
            throw .invalid(name, "\(filters.count) entries; \(Self.mostFilters) at most")
        }
        var steps: [Step] = []
        for (index, filter) in filters.enumerated() {
            steps.append(try Self.step(filter, at: "\(name)[\(index)]"))
        }
        self.steps = steps
    }

    /// Filters as an operator writes them: FieldFilter messages in protobuf's JSON.
    package init(_ text: String, of name: String) throws(FilterError) {
        let filters: [Tetragon_FieldFilter] = try JSONMessages.read(text, of: name)
        try self.init(filters, name: name)
    }

    private static func step(_ filter: Tetragon_FieldFilter, at place: String) throws(FilterError) -> Step {
        guard filter.hasFields, !filter.fields.paths.isEmpty else {
            throw .invalid("\(place).fields", "no path")
        }
        guard filter.fields.paths.count <= mostPaths else {
            throw .invalid("\(place).fields", "\(filter.fields.paths.count) paths; \(mostPaths) at most")
        }
        let keeps: Bool
        switch filter.action {
        case .include: keeps = true
        case .exclude: keeps = false
        case .UNRECOGNIZED(let number):
            throw .invalid("\(place).action", "\(number) is neither INCLUDE nor EXCLUDE")
        }
        let concerned = try kinds(filter, at: place)
        var trees = Dictionary(uniqueKeysWithValues: concerned.map { ($0, FieldTree()) })
        for (index, path) in filter.fields.paths.enumerated() {
            guard path.utf8.count <= longestPath else {
                throw .invalid("\(place).fields.paths[\(index)]", "longer than \(longestPath) bytes")
            }
            let names = path.split(separator: ".", omittingEmptySubsequences: false)[...]
            var isKnown = false
            for kind in concerned {
                guard let message = messages[kind] else { continue }
                if trees[kind]?.insert(names, of: message) == true { isKnown = true }
            }
            guard isKnown else {
                throw .invalid(
                    "\(place).fields.paths[\(index)]", "no event that it concerns has a field \"\(path)\"")
            }
        }
        return Step(trees: trees, keeps: keeps)
    }

    private static func kinds(_ filter: Tetragon_FieldFilter, at place: String) throws(FilterError) -> [Int] {
        var listed: Set<Int> = []
        for (index, kind) in filter.eventSet.enumerated() {
            guard messages[kind.rawValue] != nil else {
                throw .invalid("\(place).event_set[\(index)]", "there is no event type \(kind.rawValue)")
            }
            listed.insert(kind.rawValue)
        }
        if listed.isEmpty { return messages.keys.sorted() }
        let isInverted = filter.hasInvertEventSet && filter.invertEventSet.value
        return messages.keys.filter { listed.contains($0) != isInverted }.sorted()
    }

    /// The message of each kind of event. A kind's number is that of its field in GetEventsResponse.
    private static let messages: [Int: String] = {
        let response = APIDescriptors.files.file.lazy.flatMap(\.messageType).first { $0.name == "GetEventsResponse" }
        let fields = (response?.field ?? []).filter { $0.hasOneofIndex && $0.type == .message }
        return Dictionary(
            uniqueKeysWithValues: fields.map { (Int($0.number), String($0.typeName.drop { $0 == "." })) })
    }()

    /// What the subscriber gets of an event.
    package func message(_ event: Event) -> GRPCNIOTransportBytes {
        isEmpty ? event.message : GRPCNIOTransportBytes(event.message.withUnsafeBytes { apply(to: $0) })
    }

    /// The same as a line of JSON, newline included, from the event's protobuf form.
    package func line(_ event: Event) throws -> [UInt8] {
        let shaped = event.message.withUnsafeBytes { apply(to: $0) }
        var options = JSONEncodingOptions()
        options.preserveProtoFieldNames = true
        var line: [UInt8] = try Tetragon_GetEventsResponse(serializedBytes: shaped).jsonUTF8Bytes(options: options)
        line.append(UInt8(ascii: "\n"))
        return line
    }

    /// An encoded GetEventsResponse with the fields that are wanted.
    func apply(to response: UnsafeRawBufferPointer) -> [UInt8] {
        var current: [UInt8] = []
        for (index, step) in steps.enumerated() {
            var next: [UInt8] = []
            if index == 0 {
                step.apply(to: response, into: &next)
            } else {
                current.withUnsafeBytes { step.apply(to: $0, into: &next) }
            }
            current = next
        }
        return current
    }
}

extension FieldFilters.Step {
    fileprivate func apply(to response: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        output.reserveCapacity(response.count)
        var reader = WireFields(response)
        while let field = reader.next() {
            guard let tree = trees[Int(field.number)], field.isLengthDelimited else {
                output.append(contentsOf: field.all)
                continue
            }
            var event: [UInt8] = []
            event.reserveCapacity(field.content.count)
            tree.project(field.content, keeping: keeps, into: &event)
            output.append(contentsOf: field.tag)
            appendVarint(UInt64(event.count), to: &output)
            output.append(contentsOf: event)
        }
    }
}
