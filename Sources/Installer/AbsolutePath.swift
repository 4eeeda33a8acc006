// SPDX-License-Identifier: Apache-2.0

/// A path in its plain form: absolute, nothing in it that stands for something else, at least one component.
struct AbsolutePath: Hashable, Sendable, CustomStringConvertible {
    let components: [String]

    /// Longest path, in bytes, that Linux takes.
    static let longest = 4095

    /// - Parameter role: what the path is for, as in "the hook's path".
    init(_ text: String, role: String) throws(InstallerError) {
        func refused(_ reason: String) -> InstallerError {
            InstallerError("\(role) \(text) cannot be used: \(reason). Name an absolute path in its plain form.")
        }
        guard text.utf8.first == UInt8(ascii: "/") else { throw refused("it does not begin with /") }
        guard text.utf8.count <= Self.longest else { throw refused("it is longer than \(Self.longest) bytes") }
        // A control character would end or bend a line of the files that name the path.
        guard text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control }) else {
            throw refused("there is a control character in it")
        }
        let components = text.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        for component in components {
            guard !component.isEmpty, component != ".", component != "..", component.utf8.count <= 255 else {
                throw refused("its component '\(component)' stands for something else, or is too long")
            }
        }
        self.components = components
    }

    private init(components: [String]) {
        self.components = components
    }

    var description: String { "/" + components.joined(separator: "/") }
    var name: String { components[components.count - 1] }
    /// Its directory; nil for what lies in the root directory.
    var directory: AbsolutePath? { components.count > 1 ? AbsolutePath(components: components.dropLast()) : nil }
    /// Every directory above it, the root directory left out, from the top.
    var directories: [AbsolutePath] {
        (1..<components.count).map { AbsolutePath(components: Array(components[..<$0])) }
    }

    /// Beside it, under another name.
    func sibling(_ name: String) -> AbsolutePath { AbsolutePath(components: components.dropLast() + [name]) }
    func appending(_ name: String) -> AbsolutePath { AbsolutePath(components: components + [name]) }
    /// Where the file lies that this one has taken the place of.
    var backup: AbsolutePath { sibling(name + ".apus-backup") }
}
