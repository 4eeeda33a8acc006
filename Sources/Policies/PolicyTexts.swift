// SPDX-License-Identifier: Apache-2.0

extension PolicyReader {
    /// The text of each of a file's documents, for whoever takes one at a time. Empty lines stand for what is before it,
    /// so that places in it are those in the file. What cannot be read or divided is given whole: whoever takes it says
    /// what is wrong.
    package static func texts(of text: String) -> [String] {
        guard let documents = try? documents(of: text), documents.count > 1 else { return [text] }
        let texts = parts(of: text).filter { (try? Self.documents(of: $0))?.isEmpty != true }
        let areWhole = texts.allSatisfy { (try? Self.documents(of: $0))?.count == 1 }
        return areWhole && texts.count == documents.count ? texts : [text]
    }

    /// In YAML a line that begins with three dashes begins a document, whatever is before it.
    private static func parts(of text: String) -> [String] {
        var parts: [[UInt8]] = [[]]
        var before = 0
        for line in text.utf8.split(separator: 0x0a, omittingEmptySubsequences: false) {
            if line.starts(with: "---".utf8), line.dropFirst(3).first.map({ " \t\r".utf8.contains($0) }) ?? true {
                parts.append([UInt8](repeating: 0x0a, count: before))
            }
            parts[parts.count - 1] += line + [0x0a]
            before += 1
        }
        // Behind the last line there was none.
        parts[parts.count - 1].removeLast()
        return parts.map { String(decoding: $0, as: UTF8.self) }
    }
}
