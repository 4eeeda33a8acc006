// SPDX-License-Identifier: Apache-2.0

extension PolicySchema {
    /// The language of policies as a JSON Schema (draft 2020-12), for editors. What its fields may not say together is not
    /// in it.
    package static let json: JSON = {
        var definitions = Definitions()
        let root = definitions.properties(of: PolicyFields.schema.shape)
        return .object(
            [
                ("$schema", .string("https://json-schema.org/draft/2020-12/schema")),
                ("title", .string("TracingPolicy")),
            ] + root + [("$defs", .object(definitions.named))])
    }()

    /// The shapes that several fields have, each once.
    private struct Definitions {
        var named: [(String, JSON)] = []

        mutating func properties(of object: ObjectShape) -> [(String, JSON)] {
            let required = object.fields.filter(\.isRequired).map { JSON.string($0.name) }
            let properties = object.fields.map { field -> (String, JSON) in
                var schema = json(field.shape)
                schema.append(("description", .string(field.doc + (field.since == .later ? " Later than 1.3." : ""))))
                if let initial = field.initial { schema.append(("default", .literal(initial))) }
                return (field.name, nullable(schema, unless: field.isRequired))
            }
            return [
                ("description", .string(object.doc)), ("type", .string("object")),
                ("properties", .object(properties)), ("additionalProperties", .boolean(false)),
            ] + (required.isEmpty ? [] : [("required", .array(required))])
        }

        /// A field that may be missing may also say nothing.
        private func nullable(_ schema: [(String, JSON)], unless isRequired: Bool) -> JSON {
            let isOpen = !schema.contains { ["type", "$ref", "enum", "anyOf"].contains($0.0) }
            if isRequired || isOpen { return .object(schema) }
            let outside = ["description", "default"]
            return .object(
                [
                    (
                        "anyOf",
                        .array([
                            .object(schema.filter { !outside.contains($0.0) }), .object([("type", .string("null"))]),
                        ])
                    )
                ] + schema.filter { outside.contains($0.0) })
        }

        private mutating func json(_ shape: Shape) -> [(String, JSON)] {
            switch shape {
            case .boolean: return [("type", .string("boolean"))]
            case .integer(let range):
                let minimum = [("type", JSON.string("integer")), ("minimum", .integer(range.lowerBound))]
                return range.upperBound == .max ? minimum : minimum + [("maximum", .integer(range.upperBound))]
            case .text(let text): return self.text(text)
            case .choice(let choices):
                return [("enum", .array(choices.flatMap { [$0.name] + $0.aliases }.map { .string($0) }))]
            case .list(let element, let count):
                var schema: [(String, JSON)] = [("type", .string("array")), ("items", .object(json(element)))]
                if count.lowerBound > 0 { schema.append(("minItems", .integer(Int64(count.lowerBound)))) }
                schema.append(("maxItems", .integer(Int64(count.upperBound))))
                return schema
            case .map(_, let value):
                return [("type", .string("object")), ("additionalProperties", .object(text(value)))]
            case .object(let object):
                if !named.contains(where: { $0.0 == object.name }) {
                    named.append((object.name, .array([])))
                    let schema = JSON.object(properties(of: object))
                    if let index = named.firstIndex(where: { $0.0 == object.name }) { named[index].1 = schema }
                }
                return [("$ref", .string("#/$defs/\(object.name)"))]
            case .anything: return []
            }
        }

        private func text(_ text: TextShape) -> [(String, JSON)] {
            let types = ["string"] + (text.takesNumbers ? ["integer", "boolean"] : [])
            var schema: [(String, JSON)] = [
                ("type", types.count == 1 ? .string(types[0]) : .array(types.map { .string($0) }))
            ]
            if text.length.lowerBound > 0 { schema.append(("minLength", .integer(1))) }
            schema.append(("maxLength", .integer(Int64(text.length.upperBound))))
            if let pattern = text.pattern { schema.append(("pattern", .string("^(\(pattern))$"))) }
            return schema
        }
    }
}
