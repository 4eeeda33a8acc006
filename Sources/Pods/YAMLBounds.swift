// SPDX-License-Identifier: Apache-2.0
internal import CYaml

/// Holds a YAML text to bounds before it is read for what it says: reading is recursive, and a few aliases of aliases
/// stand for more nodes than there is memory.
enum YAMLBounds {
    static let maximumDepth = 64
    /// With every alias counted as what it stands for.
    static let maximumNodes = 20_000
    /// Of one mapping: each is looked for among all.
    static let maximumKeys = 1_000

    /// Why the text is not read; nil where it is well-formed and within bounds.
    static func problem(of text: String) -> String? {
        var parser = yaml_parser_t()
        guard yaml_parser_initialize(&parser) == 1 else { return "no memory for a YAML parser" }
        defer { yaml_parser_delete(&parser) }
        var text = text
        return text.withUTF8 { bytes in
            yaml_parser_set_input_string(&parser, bytes.baseAddress, bytes.count)
            yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
            var count = Count()
            while count.problem == nil, !count.isAtEnd {
                var event = yaml_event_t()
                guard yaml_parser_parse(&parser, &event) == 1 else {
                    let reason = parser.problem.map { String(cString: $0) } ?? "it is not YAML"
                    return "line \(parser.problem_mark.line + 1): \(reason)"
                }
                defer { yaml_event_delete(&event) }
                count.take(event)
            }
            return count.problem
        }
    }

    private struct Count {
        private(set) var problem: String?
        private(set) var isAtEnd = false
        private var nodes = 0
        /// What each anchor's node stands for.
        private var sizes: [String: Int] = [:]
        private var open: [Collection] = []

        /// One whose end is to come.
        private struct Collection {
            let anchor: String?
            let isMapping: Bool
            /// How many nodes there were before it.
            let before: Int
            var children = 0
        }

        mutating func take(_ event: yaml_event_t) {
            switch event.type {
            case YAML_STREAM_END_EVENT:
                isAtEnd = true
            case YAML_DOCUMENT_START_EVENT:
                sizes = [:]
            case YAML_ALIAS_EVENT:
                let name = Self.name(event.data.alias.anchor) ?? ""
                guard let size = sizes[name] else {
                    return problem = "the alias *\(name) refers to nothing that is complete before it"
                }
                add(size)
            case YAML_SCALAR_EVENT:
                add(1)
                if let anchor = Self.name(event.data.scalar.anchor) { sizes[anchor] = 1 }
            case YAML_SEQUENCE_START_EVENT:
                begin(event.data.sequence_start.anchor, isMapping: false)
            case YAML_MAPPING_START_EVENT:
                begin(event.data.mapping_start.anchor, isMapping: true)
            case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
                guard let ended = open.popLast() else { return }
                if let anchor = ended.anchor { sizes[anchor] = nodes - ended.before }
            default:
                break
            }
        }

        private mutating func begin(_ anchor: UnsafePointer<UInt8>?, isMapping: Bool) {
            let before = nodes
            add(1)
            open.append(Collection(anchor: Self.name(anchor), isMapping: isMapping, before: before))
            if open.count > maximumDepth { problem = "it is nested deeper than \(maximumDepth) levels" }
        }

        /// Both counts are at most `maximumNodes`.
        private mutating func add(_ count: Int) {
            nodes += count
            if let last = open.indices.last {
                open[last].children += 1
                if open[last].isMapping, open[last].children > 2 * maximumKeys {
                    problem = "a mapping has more than \(maximumKeys) keys"
                }
            }
            if nodes > maximumNodes { problem = "it has more than \(maximumNodes) nodes, counting aliases' contents" }
        }

        private static func name(_ text: UnsafePointer<UInt8>?) -> String? { text.map { String(cString: $0) } }
    }
}
