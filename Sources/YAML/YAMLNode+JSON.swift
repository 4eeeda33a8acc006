// SPDX-License-Identifier: Apache-2.0

extension YAMLNode {
    /// The same as JSON, for what decodes JSON. Scalars are texts as they are written: what a plain 8080 or yes is depends on
    /// what it is wanted for. Where nothing is written there is null.
    ///
    /// - Throws: When it has more than `limit` bytes, as aliases of long texts may; a key that comes twice; or one that is no
    ///   scalar.
    package func json(limit: Int) throws(YAMLProblem) -> [UInt8] {
        var bytes: [UInt8] = []
        try write(to: &bytes, limit)
        return bytes
    }

    /// As deep as the reader lets nodes be nested.
    private func write(to bytes: inout [UInt8], _ limit: Int) throws(YAMLProblem) {
        switch content {
        case .scalar(let scalar):
            if scalar.meaning == .null { bytes += "null".utf8 } else { Self.write(scalar.text, to: &bytes) }
        case .sequence(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                try element.write(to: &bytes, limit)
            }
            bytes.append(UInt8(ascii: "]"))
        case .mapping(let entries):
            var names: Set<String> = []
            bytes.append(UInt8(ascii: "{"))
            for (index, entry) in entries.enumerated() {
                guard let name = entry.key.scalar?.text else {
                    throw YAMLProblem(place: entry.key.place, reason: "a key is a list or a mapping")
                }
                guard names.insert(name).inserted else {
                    throw YAMLProblem(place: entry.key.place, reason: "a key is there twice: \(name.beginning)")
                }
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                Self.write(name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                try entry.value.write(to: &bytes, limit)
            }
            bytes.append(UInt8(ascii: "}"))
        }
        guard bytes.count <= limit else {
            throw YAMLProblem(
                place: place, reason: "it stands for more than \(limit >> 20) MiB, counting aliases' contents")
        }
    }

    private static func write(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case ..<0x20: bytes += "\\u00\(byte < 0x10 ? "0" : "1")\(String(byte & 0xf, radix: 16))".utf8
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
