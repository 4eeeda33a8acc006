// SPDX-License-Identifier: Apache-2.0
internal import Models
internal import YAML

/// A mapping with fields: what each is called, may be and means, and where it goes.
struct ObjectSchema<Object: Sendable>: Sendable {
    let shape: ObjectShape
    private let initial: Object
    private let fields: [String: Field<Object>]
    private let rule: @Sendable (Object, inout Reading) -> Void
    private let judgesParts: Bool

    /// - Parameters:
    ///   - initial: What holds where nothing is said.
    ///   - judgesParts: The rule is also asked when not every field for itself is right, and looks which are.
    ///   - rule: What the fields may not say together.
    init(
        _ name: String, _ initial: Object, doc: String, _ fields: [Field<Object>], judgesParts: Bool = false,
        rule: @escaping @Sendable (Object, inout Reading) -> Void = { _, _ in }
    ) {
        shape = ObjectShape(name: name, doc: doc, fields: fields.map { $0.shape(initial) })
        self.initial = initial
        self.fields = Dictionary(fields.map { ($0.name, $0) }) { first, _ in first }
        self.rule = rule
        self.judgesParts = judgesParts
    }

    func read(_ node: YAMLNode, _ reading: inout Reading) -> Object {
        guard let entries = node.mapping else {
            reading.reportMismatch(node, expected: "a mapping")
            return initial
        }
        var object = initial
        var seen: [String: YAMLPlace] = [:]
        for entry in entries {
            guard let name = entry.key.scalar?.text else {
                reading.report(
                    at: entry.key.place, "expected the name of a field, found \(entry.key.finding)",
                    expected: "the name of a field", found: entry.key.finding)
                continue
            }
            guard let field = fields[name] else {
                reportUnknown(name, at: entry.key.place, &reading)
                continue
            }
            if let first = seen.updateValue(entry.key.place, forKey: name) {
                reading.report([.field(name)], at: entry.key.place, "it is given twice, first in line \(first.line)")
                continue
            }
            if entry.value.isNull, !field.isRequired { continue }
            reading.within(.field(name)) { field.read(entry.value, &object, &$0) }
        }
        for field in shape.fields where field.isRequired && seen[field.name] == nil {
            reading.report(
                [.field(field.name)], "it is missing: expected \(field.shape.expectation)",
                expected: field.shape.expectation, found: "nothing")
        }
        if judgesParts || reading.isClean() { rule(object, &reading) }
        return object
    }

    private func reportUnknown(_ name: String, at place: YAMLPlace, _ reading: inout Reading) {
        let names = shape.fields.map(\.name)
        let nearest = nearestName(to: name, among: names)
        let expected = names.isEmpty ? "no field" : "one of " + names.joined(separator: ", ")
        reading.report(
            [.field(name)], at: place,
            "there is no such field here" + (nearest == nil ? ": expected \(expected)" : ""), expected: expected,
            found: name.quoted, nearest: nearest)
    }
}

/// One field of a mapping.
struct Field<Object: Sendable>: Sendable {
    let name: String
    let isRequired: Bool
    fileprivate let read: @Sendable (YAMLNode, inout Object, inout Reading) -> Void
    fileprivate let shape: @Sendable (Object) -> FieldShape

    /// One that is always there, or has a value where it is not: the object's own.
    static func field<Value>(
        _ name: String, _ keyPath: any WritableKeyPath<Object, Value> & Sendable, _ codec: Codec<Value>,
        isRequired: Bool = false, since: Since = .first, _ doc: String
    ) -> Field {
        Field(
            name: name, isRequired: isRequired,
            read: { node, object, reading in
                if let value = codec.read(node, &reading) { object[keyPath: keyPath] = value }
            },
            shape: { initial in
                FieldShape(
                    name: name, shape: codec.shape, isRequired: isRequired,
                    initial: isRequired ? nil : codec.show(initial[keyPath: keyPath]), doc: doc, since: since)
            })
    }

    /// One that may be missing.
    static func optional<Value>(
        _ name: String, _ keyPath: any WritableKeyPath<Object, Value?> & Sendable, _ codec: Codec<Value>,
        since: Since = .first, _ doc: String
    ) -> Field {
        Field(
            name: name, isRequired: false,
            read: { node, object, reading in
                if let value = codec.read(node, &reading) { object[keyPath: keyPath] = value }
            },
            shape: { _ in
                FieldShape(name: name, shape: codec.shape, isRequired: false, initial: nil, doc: doc, since: since)
            })
    }

    /// One that may be there, and that nobody reads.
    static func unread(_ name: String, as shape: Shape = .anything, _ doc: String) -> Field {
        Field(
            name: name, isRequired: false, read: { _, _, _ in },
            shape: { _ in
                FieldShape(name: name, shape: shape, isRequired: false, initial: nil, doc: doc, since: .first)
            })
    }
}

extension Codec {
    static func object(_ schema: ObjectSchema<Value>) -> Codec {
        Codec(shape: .object(schema.shape)) { node, reading in schema.read(node, &reading) }
    }
}
