// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import YAML

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
    /// One YAML document, with every alias written out.
    private static let maximumDocument = 16 << 20

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
        var values: [Value] = []
        let nodes: [YAMLNode]
        do throws(YAMLProblem) {
            nodes = try YAMLReader.documents(of: text)
        } catch {
            throw Malformed("\(error)")
        }
        for node in nodes where !node.isNull {
            let bytes: [UInt8]
            do throws(YAMLProblem) {
                bytes = try node.json(limit: maximumDocument)
            } catch {
                throw Malformed("\(error)")
            }
            values.append(try json(type, bytes))
        }
        return values
    }
}

/// A boolean; in YAML it comes as a text.
struct Flag {
    let value: Bool
}

extension Flag: Decodable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Bool.self) {
            self.value = value
            return
        }
        guard case .boolean(let value) = YAMLScalar(text: try container.decode(String.self), isPlain: true).meaning
        else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "expected true or false")
        }
        self.value = value
    }
}

/// A value that may not decode, in a list that shall.
struct Lossy<Value: Decodable>: Decodable {
    let result: Result<Value, Malformed>

    init(from decoder: any Decoder) {
        result = Result { try Value(from: decoder) }.mapError { Malformed($0) }
    }
}
