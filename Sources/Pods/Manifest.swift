// SPDX-License-Identifier: Apache-2.0
internal import Models

/// What one file with manifests says.
enum Manifest {
    /// Its pods, as the file names them: of kind Pod and in lists. Objects of other kinds are passed over.
    static func pods(_ bytes: [UInt8]) throws(Malformed) -> [PodObject] {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw Malformed("it is not UTF-8") }
        // JSON is YAML, all but its surrogate escapes. Several documents in one file are YAML again.
        if text.utf8.first(where: { !" \t\r\n".utf8.contains($0) }) == UInt8(ascii: "{"),
            let object = try? Decoding.json(Object.self, bytes)
        {
            return try checked([object])
        }
        return try checked(Decoding.yaml(Object.self, text))
    }

    private static func checked(_ objects: [Object]) throws(Malformed) -> [PodObject] {
        let pods = objects.flatMap(\.pods)
        for pod in pods where pod.pod() == nil {
            throw Malformed("metadata.name or metadata.namespace: it is missing or too long")
        }
        return pods
    }

    private struct Object: Decodable {
        var pods: [PodObject] = []

        private enum CodingKeys: CodingKey { case kind, items }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            switch try container.decodeIfPresent(String.self, forKey: .kind) {
            case "Pod":
                pods = [try PodObject(from: decoder)]
            case "PodList":
                pods = try container.decodeIfPresent([PodObject].self, forKey: .items) ?? []
            case "List":
                pods = try (container.decodeIfPresent([Item].self, forKey: .items) ?? []).compactMap(\.pod)
            default:
                break
            }
        }
    }

    /// In a list of all kinds; no further lists.
    private struct Item: Decodable {
        var pod: PodObject?

        private enum CodingKeys: CodingKey { case kind }

        init(from decoder: any Decoder) throws {
            let kind = try decoder.container(keyedBy: CodingKeys.self).decodeIfPresent(String.self, forKey: .kind)
            if kind == "Pod" { pod = try PodObject(from: decoder) }
        }
    }
}
