// SPDX-License-Identifier: Apache-2.0

/// How the plugin calls itself.
package struct PluginIdentity: Sendable, Equatable {
    package let name: String
    /// Two digits.
    package let index: String

    /// Nil where a runtime would not take the name or the index.
    package init?(name: String, index: String) {
        let isLetter: (UInt8) -> Bool = { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || Self.isDigit(byte)
                || "-_.+".utf8.contains(byte)
        }
        guard !name.isEmpty, name.utf8.count <= 128, name.utf8.allSatisfy(isLetter), index.utf8.count == 2,
            index.utf8.allSatisfy(Self.isDigit)
        else { return nil }
        self.name = name
        self.index = index
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
