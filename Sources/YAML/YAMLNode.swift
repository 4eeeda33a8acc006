// SPDX-License-Identifier: Apache-2.0

/// What a YAML document says, and where. Aliases are resolved: they share what they stand for.
package struct YAMLNode: Sendable {
    package enum Content: Sendable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        /// In the order of the text; a key may come twice.
        case mapping([Entry])
    }

    package struct Entry: Sendable {
        package let key: YAMLNode
        package let value: YAMLNode
    }

    package let content: Content
    package let place: YAMLPlace
}

/// A place in a text, counted from 1 as editors do; columns are Unicode scalars.
package struct YAMLPlace: Sendable, Equatable {
    package let line: Int
    package let column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

extension YAMLNode {
    package var scalar: YAMLScalar? { if case .scalar(let scalar) = content { scalar } else { nil } }
    package var sequence: [YAMLNode]? { if case .sequence(let elements) = content { elements } else { nil } }
    package var mapping: [Entry]? { if case .mapping(let entries) = content { entries } else { nil } }

    /// Nothing is written there, or one of YAML's words for nothing.
    package var isNull: Bool { scalar?.meaning == .null }

    /// What stands under a key, the first of several.
    package subscript(key: String) -> YAMLNode? {
        mapping?.first { $0.key.scalar?.text == key }?.value
    }
}

/// One that follows from a mapping in it, as `<<: *other` asks for.
extension YAMLNode {
    /// The entries with those of merged mappings after them, less what is there already; nil when it is not mappings
    /// that are merged.
    static func merging(_ entries: [Entry]) -> [Entry]? {
        guard entries.contains(where: \.isMerge) else { return entries }
        var merged = entries.filter { !$0.isMerge }
        var names = Set(merged.compactMap { $0.key.scalar?.text })
        for entry in entries where entry.isMerge {
            for source in entry.value.sequence ?? [entry.value] {
                guard let others = source.mapping else { return nil }
                for other in others where other.key.scalar.map({ names.insert($0.text).inserted }) ?? false {
                    merged.append(other)
                }
            }
        }
        return merged
    }
}

extension YAMLNode.Entry {
    fileprivate var isMerge: Bool { key.scalar.map { $0.isPlain && $0.text == "<<" } ?? false }
}
