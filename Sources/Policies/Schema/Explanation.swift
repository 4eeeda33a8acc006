// SPDX-License-Identifier: Apache-2.0
internal import Models

/// The language of policies, for those who write them.
package enum PolicySchema {
    /// There is no such field.
    package struct NoSuchField: Error, Equatable, CustomStringConvertible {
        /// As far as it was right.
        package let path: String
        package let name: String
        package let known: [String]
        package let nearest: String?

        package var description: String {
            let place = path.isEmpty ? "a policy" : path
            if known.isEmpty { return "\(place) has no fields, so no \(name.quoted) either" }
            return "\(place) has no field \(name.quoted)"
                + (nearest.map { ": did you mean \($0)?" } ?? ", only \(known.joined(separator: ", "))")
        }
    }

    /// What a field is for: its type and bounds, its documentation, and its fields or values.
    ///
    /// - Parameter path: `spec.kprobes.selectors.matchArgs`; numbers in brackets, as problems have them, change nothing. Empty
    ///   for the whole.
    package static func explanation(of path: String) throws(NoSuchField) -> String {
        var shape = Shape.object(PolicyFields.schema.shape)
        var field: FieldShape?
        var names: [String] = []
        for step in path.split(separator: ".", omittingEmptySubsequences: false) where !path.isEmpty {
            let name = String(step.prefix { $0 != "[" })
            let fields = shape.object?.fields ?? []
            guard let next = fields.first(where: { $0.name == name }) else {
                throw NoSuchField(
                    path: names.joined(separator: "."), name: name, known: fields.map(\.name),
                    nearest: nearestName(to: name, among: fields.map(\.name)))
            }
            names.append(name)
            (field, shape) = (next, next.shape)
        }
        var rows: [(String, String)] = [("PATH", names.isEmpty ? "(the document)" : names.joined(separator: "."))]
        rows.append(("TYPE", shape.type + (field?.isRequired ?? true ? "" : ", may be missing")))
        if let initial = field?.initial { rows.append(("DEFAULT", initial)) }
        if field?.since == .later { rows.append(("SINCE", "policies later than Tetragon 1.3's")) }
        if let field { rows.append(("ABOUT", field.doc)) }
        if let object = shape.object, field?.doc != object.doc {
            rows.append((field == nil ? "ABOUT" : "", object.doc))
        }
        return table(rows, indent: "") + children(of: shape)
    }

    private static func children(of shape: Shape) -> String {
        if let object = shape.object {
            guard !object.fields.isEmpty else { return "" }
            let width = object.fields.map(\.name.utf8.count).max() ?? 0
            return "\nFIELDS\n"
                + object.fields.map { field in
                    let notes = [
                        field.isRequired ? "required" : nil, field.initial.map { "\($0) if missing" },
                        field.since == .later ? "later than 1.3" : nil,
                    ].compactMap { $0 }
                    let name = field.name + String(repeating: " ", count: width - field.name.utf8.count)
                    return "  \(name)  \(([field.shape.type] + notes).joined(separator: ", "))\n"
                        + String(repeating: " ", count: width + 4) + field.doc + "\n"
                }.joined()
        }
        guard let choices = shape.choices else { return "" }
        return "\nVALUES\n"
            + table(
                choices.map { choice in
                    let names = ([choice.name] + choice.aliases).joined(separator: ", ")
                    return (names, choice.doc + (choice.since == .later ? " Later than 1.3." : ""))
                }, indent: "  ")
    }

    private static func table(_ rows: [(String, String)], indent: String) -> String {
        let width = rows.map(\.0.utf8.count).max() ?? 0
        return rows.map { name, text in
            let padding = text.isEmpty ? "" : String(repeating: " ", count: width - name.utf8.count + 2)
            return indent + name + padding + text + "\n"
        }.joined()
    }
}

extension Shape {
    /// The fields that it, or each of its elements, has.
    fileprivate var object: ObjectShape? {
        switch self {
        case .object(let object): object
        case .list(let element, _): element.object
        default: nil
        }
    }

    fileprivate var choices: [ChoiceShape]? {
        switch self {
        case .choice(let choices): choices
        case .list(let element, _): element.choices
        default: nil
        }
    }

    /// `list (at most 5) of ArgumentMatch`
    fileprivate var type: String {
        switch self {
        case .boolean: "true or false"
        case .integer(let range):
            range.upperBound == .max
                ? "integer from \(range.lowerBound)" : "integer from \(range.lowerBound) to \(range.upperBound)"
        case .text(let text):
            text.length.lowerBound == 0
                ? "\(text.what), at most \(text.length.upperBound) bytes"
                : "\(text.what), \(text.length.lowerBound) to \(text.length.upperBound) bytes"
        case .choice(let choices): choices.count == 1 ? choices[0].name : "one of \(choices.count) names"
        case .list(let element, let count):
            "list ("
                + (count.lowerBound == 0 ? "at most \(count.upperBound)" : "\(count.lowerBound) to \(count.upperBound)")
                + ") of \(element.element)"
        case .map(let key, let value): "mapping: \(key.what) to \(value.what)"
        case .object(let object): object.name
        case .anything: "anything"
        }
    }

    private var element: String {
        if case .choice = self { "names" } else { type }
    }
}
