// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import Yams

/// Why a text does not say what it should.
struct Malformed: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = String(description.prefix(300)) }

    init(_ error: any Error) {
        switch error {
        case let error as Malformed: self = error
        case let error as DecodingError: self.init(Self.explain(error))
        default: self.init("\(error)")
        }
    }

    /// `spec.containers[0].name: …`
    private static func explain(_ error: DecodingError) -> String {
        let (context, missing): (DecodingError.Context, (any CodingKey)?) =
            switch error {
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
                (context, nil)
            case .keyNotFound(let key, let context): (context, key)
            @unknown default: (DecodingError.Context(codingPath: [], debugDescription: "\(error)"), nil)
            }
        var path = ""
        for key in context.codingPath.prefix(16) + [missing].compactMap({ $0 }) {
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += path.isEmpty ? key.stringValue : "." + key.stringValue
            }
        }
        let reason =
            missing == nil
            ? context.underlyingError.map { "\(context.debugDescription) (\($0))" } ?? context.debugDescription
            : "it is missing"
        return path.isEmpty ? reason : "\(path): \(reason)"
    }
}

enum Decoding {
    /// A JSON text. Foundation's decoder itself bounds how deep it is nested.
    static func json<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) throws(Malformed) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch {
            throw Malformed(error)
        }
    }

    /// All documents of a YAML text; those that say nothing are left out.
    static func yaml<Value: Decodable>(_ type: Value.Type, _ text: String) throws(Malformed) -> [Value] {
        if let problem = YAMLBounds.problem(of: text) { throw Malformed(problem) }
        do {
            let parser = try Parser(yaml: text, resolver: .basic.appending(.merge))
            return try withExtendedLifetime(parser) {
                var values: [Value] = []
                while let node = try parser.nextRoot() {
                    if let scalar = node.scalar, scalar.style == .plain, ["", "~", "null"].contains(scalar.string) {
                        continue
                    }
                    values.append(try YAMLDecoder().decode(type, from: node))
                }
                return values
            }
        } catch {
            throw Malformed(error)
        }
    }
}

/// A value that may not decode, in a list that shall.
struct Lossy<Value: Decodable>: Decodable {
    let result: Result<Value, Malformed>

    init(from decoder: any Decoder) {
        result = Result { try Value(from: decoder) }.mapError { Malformed($0) }
    }
}
