// SPDX-License-Identifier: Apache-2.0
internal import Models
internal import YAML

/// A shape, and how a value of it is read.
struct Codec<Value: Sendable>: Sendable {
    let shape: Shape
    /// nil: a problem was reported.
    let read: @Sendable (YAMLNode, inout Reading) -> Value?
    /// As JSON, for the documentation of what holds where nothing is said.
    var show: @Sendable (Value) -> String? = { _ in nil }
}

extension Codec where Value == Bool {
    static let boolean = Codec(
        shape: .boolean,
        read: { node, reading in
            if case .boolean(let value)? = node.scalar?.meaning { return value }
            reading.reportMismatch(node, expected: Shape.boolean.expectation)
            return nil
        },
        show: { String($0) })
}

extension Codec where Value: FixedWidthInteger {
    static func integer(_ range: ClosedRange<Value>) -> Codec {
        let shape = Shape.integer(Int64(range.lowerBound)...Int64(clamping: range.upperBound))
        return Codec(
            shape: shape,
            read: { node, reading in
                if case .integer(let number)? = node.scalar?.meaning, let value = Value(exactly: number),
                    range.contains(value)
                {
                    return value
                }
                reading.reportMismatch(node, expected: shape.expectation)
                return nil
            },
            show: { String($0) })
    }
}

extension Codec where Value == String {
    static func text(
        _ what: String, _ length: ClosedRange<Int>, pattern: String? = nil, takesNumbers: Bool = false
    ) -> Codec {
        text(TextShape(what: what, length: length, pattern: pattern, takesNumbers: takesNumbers))
    }

    static func text(_ text: TextShape, _ isValid: @escaping @Sendable (String) -> Bool = { _ in true }) -> Codec {
        Codec(shape: .text(text)) { node, reading in
            guard let value = text.value(of: node) else {
                reportNoText(node, text, &reading)
                return nil
            }
            let length = value.utf8.count
            guard text.length.contains(length) else {
                let isShort = length < text.length.lowerBound
                let bound = isShort ? text.length.lowerBound : text.length.upperBound
                let expected = "\(text.what) of at \(isShort ? "least" : "most") \(counted(bound, "byte"))"
                let found = length == 0 ? "an empty text" : counted(length, "byte")
                reading.report(
                    at: node.place, "expected \(expected), found \(found)", expected: expected, found: found)
                return nil
            }
            guard isValid(value) else {
                reading.reportMismatch(node, expected: text.what)
                return nil
            }
            return value
        }
    }
}

private func reportNoText(_ node: YAMLNode, _ text: TextShape, _ reading: inout Reading) {
    switch node.scalar?.meaning {
    case .boolean?, .integer?, .number?:
        let found = node.finding
        reading.report(
            at: node.place, "expected \(text.what), found \(found): only in quotes it is a text", expected: text.what,
            found: found)
    default: reading.reportMismatch(node, expected: text.what)
    }
}

/// "1 byte", "2 bytes"
private func counted(_ count: Int, _ what: String) -> String { "\(count) \(what)\(count == 1 ? "" : "s")" }

extension TextShape {
    /// As the policy means it: `values: [0x10]` is 16.
    fileprivate func value(of node: YAMLNode) -> String? {
        guard let scalar = node.scalar else { return nil }
        switch scalar.meaning {
        case .string: return scalar.text
        case .integer(let number) where takesNumbers: return String(number)
        case .boolean(let value) where takesNumbers: return String(value)
        case .null, .integer, .boolean, .number: return nil
        }
    }
}

extension Codec {
    /// A text that stands for something.
    static func parsed(
        _ what: String, _ length: ClosedRange<Int>, pattern: String? = nil, takesNumbers: Bool = false,
        _ parse: @escaping @Sendable (String) -> Value?
    ) -> Codec {
        let text = Codec<String>.text(what, length, pattern: pattern, takesNumbers: takesNumbers)
        return Codec(shape: text.shape) { node, reading in
            guard let string = text.read(node, &reading) else { return nil }
            if let value = parse(string) { return value }
            reading.reportMismatch(node, expected: what)
            return nil
        }
    }

    /// What follows from a value; problems with it are the conversion's to report.
    func converted<Result>(
        _ convert: @escaping @Sendable (Value, inout Reading) -> Result?
    ) -> Codec<Result> {
        Codec<Result>(shape: shape) { node, reading in
            guard let value = read(node, &reading), reading.isClean() else { return nil }
            return convert(value, &reading)
        }
    }
}

extension Codec where Value: Choice {
    static var choice: Codec {
        let shape = Shape.choice(
            Value.allCases.map { ChoiceShape(name: $0.name, aliases: $0.aliases, doc: $0.doc, since: $0.since) })
        return Codec(
            shape: shape,
            read: { node, reading in
                let name = node.scalar?.text
                if let name, let value = Value.named(name) { return value }
                if let name, let reason = Value.refusals[name] {
                    reading.report(at: node.place, reason, found: node.finding)
                    return nil
                }
                reading.reportMismatch(
                    node, expected: shape.expectation,
                    brief: Value.allCases.count > 12 ? "one of \(Value.allCases.count) names" : nil,
                    nearest: name.flatMap { nearestName(to: $0, among: Value.allCases.map(\.name)) })
                return nil
            },
            show: { "\"\($0.name)\"" })
    }
}

extension Codec {
    /// An element that cannot be read stands as `placeholder` if there is one, so that the others keep their numbers.
    static func list<Element>(
        of element: Codec<Element>, _ count: ClosedRange<Int>, placeholder: Element? = nil
    ) -> Codec where Value == [Element] {
        let shape = Shape.list(of: element.shape, count: count)
        return Codec(shape: shape) { node, reading in
            guard let nodes = node.sequence else {
                reading.reportMismatch(node, expected: shape.expectation)
                return nil
            }
            guard count.contains(nodes.count) else {
                let isShort = nodes.count < count.lowerBound
                let bound = counted(isShort ? count.lowerBound : count.upperBound, "element")
                let expected = "at \(isShort ? "least" : "most") \(bound)"
                reading.report(
                    at: node.place, "expected \(expected), found \(nodes.count)", expected: expected,
                    found: "\(nodes.count)")
                return nil
            }
            return nodes.enumerated().compactMap { index, node in
                reading.within(.index(index)) { element.read(node, &$0) ?? placeholder }
            }
        }
    }
}

extension Codec where Value == [String: String] {
    static func map(
        _ key: TextShape, _ value: TextShape, _ isValid: @escaping @Sendable (_ key: String, _ value: String) -> Bool
    ) -> Codec {
        let shape = Shape.map(key: key, value: value)
        let text = Codec<String>.text(value)
        return Codec(shape: shape) { node, reading in
            guard let entries = node.mapping else {
                reading.reportMismatch(node, expected: shape.expectation)
                return nil
            }
            var map: [String: String] = [:]
            for entry in entries {
                guard let name = entry.key.scalar?.text, key.length.contains(name.utf8.count) else {
                    reading.report(
                        at: entry.key.place, "expected \(key.what), found \(entry.key.finding)", expected: key.what,
                        found: entry.key.finding)
                    continue
                }
                reading.within(.field(name)) { reading in
                    guard map[name] == nil else { return reading.report(at: entry.key.place, "it is given twice") }
                    guard let value = text.read(entry.value, &reading) else { return }
                    guard isValid(name, value) else {
                        return reading.reportMismatch(entry.value, expected: text.shape.expectation)
                    }
                    map[name] = value
                }
            }
            return map
        }
    }
}
