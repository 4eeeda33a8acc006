// SPDX-License-Identifier: Apache-2.0

enum Path {
    /// The name given to execve, made absolute: joined with the working directory where it is relative, and with
    /// `.`, `..` and doubled slashes taken out by their letters alone (no symbolic link is followed).
    static func absolute(_ name: String, in directory: String) -> String {
        guard !name.isEmpty else { return "" }
        let isAbsolute = name.utf8.first == UInt8(ascii: "/")
        if isAbsolute && !name.utf8.hasDots { return name }
        var parts: [Substring] = []
        for text in isAbsolute ? [name] : [directory, name] {
            for part in text.split(separator: "/") where part != "." {
                if part == ".." { _ = parts.popLast() } else { parts.append(part) }
            }
        }
        return "/" + parts.joined(separator: "/")
    }
}

extension String.UTF8View {
    /// Whether a path may need cleaning: it has `//` or a component that starts with a dot.
    fileprivate var hasDots: Bool {
        withContiguousStorageIfAvailable { bytes in
            bytes.indices.dropFirst().contains {
                bytes[$0 - 1] == UInt8(ascii: "/") && (bytes[$0] == UInt8(ascii: "/") || bytes[$0] == UInt8(ascii: "."))
            }
        } ?? true
    }
}
