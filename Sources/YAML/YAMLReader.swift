// SPDX-License-Identifier: Apache-2.0
internal import CLibYAML

/// How large a text may be for what it says.
package struct YAMLBounds: Sendable {
    package var depth = 64
    /// With every alias counted as what it stands for.
    package var nodes = 20_000
    /// Of one mapping.
    package var keys = 1_000
    /// Lines that begin with %. The parser compares each with all before it.
    package var directives = 100

    package init() {}
}

/// Why a text is not read.
package struct YAMLProblem: Error, Equatable, CustomStringConvertible {
    package let place: YAMLPlace
    package let reason: String

    package var description: String { "line \(place.line): \(reason)" }
}

/// Reads a text event by event: nothing recurses, and it ends where a bound is reached. A few aliases of aliases stand for
/// more nodes than there is memory.
package struct YAMLReader {
    private let bounds: YAMLBounds
    private var documents: [YAMLNode] = []
    private var open: [Collection] = []
    /// What each anchor stands for, and how many nodes that is.
    private var anchors: [String: (node: YAMLNode, size: Int)] = [:]
    private var nodes = 0

    /// One whose end is to come.
    private struct Collection {
        let anchor: String?
        let place: YAMLPlace
        let isMapping: Bool
        /// How many nodes there were before it.
        let before: Int
        var children: [YAMLNode] = []
    }

    /// All documents of a text, those that say nothing as well.
    package static func documents(
        of text: String, within bounds: YAMLBounds = YAMLBounds()
    ) throws(YAMLProblem) -> [YAMLNode] {
        var reader = YAMLReader(bounds: bounds)
        var text = text
        let result: Result<Void, YAMLProblem> = text.withUTF8 { bytes in
            do throws(YAMLProblem) {
                return .success(try reader.read(bytes))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
        return reader.documents
    }

    private init(bounds: YAMLBounds) { self.bounds = bounds }

    private mutating func read(_ bytes: UnsafeBufferPointer<UInt8>) throws(YAMLProblem) {
        try boundDirectives(bytes)
        var parser = yaml_parser_t()
        guard yaml_parser_initialize(&parser) == 1 else {
            throw YAMLProblem(place: YAMLPlace(line: 1, column: 1), reason: "there is no memory for a YAML parser")
        }
        defer { yaml_parser_delete(&parser) }
        yaml_parser_set_input_string(&parser, bytes.baseAddress, bytes.count)
        yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
        while true {
            var event = yaml_event_t()
            guard yaml_parser_parse(&parser, &event) == 1 else {
                let reason = parser.problem.map { String(cString: $0) } ?? "it is not YAML"
                throw YAMLProblem(place: YAMLPlace(parser.problem_mark), reason: reason)
            }
            defer { yaml_event_delete(&event) }
            if event.type == YAML_STREAM_END_EVENT { return }
            try take(event)
        }
    }

    private func boundDirectives(_ bytes: UnsafeBufferPointer<UInt8>) throws(YAMLProblem) {
        var (line, directives, isAtStart) = (1, 0, true)
        for byte in bytes {
            if isAtStart, byte == UInt8(ascii: "%") {
                directives += 1
                guard directives <= bounds.directives else {
                    throw YAMLProblem(
                        place: YAMLPlace(line: line, column: 1),
                        reason: "more than \(bounds.directives) lines begin with %, as directives do")
                }
            }
            isAtStart = byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
            if byte == UInt8(ascii: "\n") { line += 1 }
        }
    }

    private mutating func take(_ event: yaml_event_t) throws(YAMLProblem) {
        let place = YAMLPlace(event.start_mark)
        switch event.type {
        case YAML_DOCUMENT_START_EVENT:
            anchors = [:]
        case YAML_ALIAS_EVENT:
            let name = Self.text(event.data.alias.anchor) ?? ""
            guard let anchor = anchors[name] else {
                throw YAMLProblem(
                    place: place, reason: "the alias *\(name.beginning) refers to nothing that is complete before it")
            }
            try add(anchor.node, size: anchor.size, at: place)
        case YAML_SCALAR_EVENT:
            let data = event.data.scalar
            let text = String(decoding: UnsafeBufferPointer(start: data.value, count: data.length), as: UTF8.self)
            let isPlain = data.style == YAML_PLAIN_SCALAR_STYLE
            let scalar = try Self.scalar(text, isPlain: isPlain, tag: Self.text(data.tag), at: place)
            let node = YAMLNode(content: .scalar(scalar), place: place)
            if let anchor = Self.text(data.anchor) { anchors[anchor] = (node, 1) }
            try add(node, size: 1, at: place)
        case YAML_SEQUENCE_START_EVENT:
            let start = event.data.sequence_start
            try begin(start.anchor, tag: start.tag, expectedTag: "tag:yaml.org,2002:seq", isMapping: false, at: place)
        case YAML_MAPPING_START_EVENT:
            let start = event.data.mapping_start
            try begin(start.anchor, tag: start.tag, expectedTag: "tag:yaml.org,2002:map", isMapping: true, at: place)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            try end()
        default:
            break
        }
    }

    private mutating func begin(
        _ anchor: UnsafePointer<UInt8>?, tag: UnsafePointer<UInt8>?, expectedTag: String, isMapping: Bool,
        at place: YAMLPlace
    ) throws(YAMLProblem) {
        if let tag = Self.text(tag), tag != "!", tag != expectedTag { throw Self.refusal(of: tag, at: place) }
        guard open.count < bounds.depth else {
            throw YAMLProblem(place: place, reason: "it is nested deeper than \(bounds.depth) levels")
        }
        try count(1, at: place)
        open.append(
            Collection(anchor: Self.text(anchor), place: place, isMapping: isMapping, before: nodes - 1))
    }

    private mutating func end() throws(YAMLProblem) {
        guard let ended = open.popLast() else { return }
        let content: YAMLNode.Content
        if ended.isMapping {
            let entries = stride(from: 0, to: ended.children.count - 1, by: 2).map {
                YAMLNode.Entry(key: ended.children[$0], value: ended.children[$0 + 1])
            }
            guard let merged = YAMLNode.merging(entries) else {
                throw YAMLProblem(place: ended.place, reason: "only mappings can be merged by the key <<")
            }
            content = .mapping(merged)
        } else {
            content = .sequence(ended.children)
        }
        let node = YAMLNode(content: content, place: ended.place)
        if let anchor = ended.anchor { anchors[anchor] = (node, nodes - ended.before) }
        try attach(node, at: ended.place)
    }

    private mutating func add(_ node: YAMLNode, size: Int, at place: YAMLPlace) throws(YAMLProblem) {
        try count(size, at: place)
        try attach(node, at: place)
    }

    private mutating func attach(_ node: YAMLNode, at place: YAMLPlace) throws(YAMLProblem) {
        guard let last = open.indices.last else { return documents.append(node) }
        open[last].children.append(node)
        if open[last].isMapping, open[last].children.count > 2 * bounds.keys {
            throw YAMLProblem(place: place, reason: "a mapping has more than \(bounds.keys) keys")
        }
    }

    /// Both counts are at most the bound.
    private mutating func count(_ size: Int, at place: YAMLPlace) throws(YAMLProblem) {
        nodes += size
        guard nodes <= bounds.nodes else {
            throw YAMLProblem(
                place: place, reason: "it has more than \(bounds.nodes) nodes, counting aliases' contents")
        }
    }

    private static func scalar(
        _ text: String, isPlain: Bool, tag: String?, at place: YAMLPlace
    ) throws(YAMLProblem) -> YAMLScalar {
        switch tag {
        case nil: return YAMLScalar(text: text, isPlain: isPlain)
        case "!", "tag:yaml.org,2002:str": return YAMLScalar(text: text, isPlain: false)
        case let tag?: throw refusal(of: tag, at: place)
        }
    }

    private static func refusal(of tag: String, at place: YAMLPlace) -> YAMLProblem {
        YAMLProblem(place: place, reason: "the tag \(tag.beginning) is not understood here: only !!str, !!map, !!seq")
    }

    private static func text(_ text: UnsafePointer<UInt8>?) -> String? { text.map { String(cString: $0) } }
}

extension String {
    /// As much as a message bears. Counted in scalars: a character may have any number of them.
    var beginning: String { String(String.UnicodeScalarView(unicodeScalars.prefix(60))) }
}

extension YAMLPlace {
    fileprivate init(_ mark: yaml_mark_t) {
        self.init(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }
}
