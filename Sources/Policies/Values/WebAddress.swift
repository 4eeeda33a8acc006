// SPDX-License-Identifier: Apache-2.0

/// What GetUrl asks for: an http or https URL with a host (RFC 3986), and without a user's name.
package struct WebAddress: Sendable, Equatable, CustomStringConvertible {
    /// As the policy has it.
    package let description: String
    /// A domain name, or an address; an IPv6 address without its brackets.
    package let host: String
    package let isEncrypted: Bool

    package init?(_ text: String) {
        guard let scheme = ["http://", "https://"].first(where: text.hasPrefix), Self.isWellFormed(text.utf8) else {
            return nil
        }
        let authority = text.dropFirst(scheme.count).prefix { !"/?#".contains($0) }
        guard let (host, port) = Self.split(authority), Self.isPort(port) else { return nil }
        description = text
        self.host = String(host)
        isEncrypted = scheme == "https://"
    }

    /// What the server is asked for: a fragment is the client's own.
    package var request: String { String(description.prefix { $0 != "#" }) }

    /// The host, and what follows it.
    private static func split(_ authority: Substring) -> (host: Substring, port: Substring)? {
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            let host = authority[authority.index(after: authority.startIndex)..<end]
            let isAddress = host.contains(":") && Network(String(host)) != nil
            return isAddress ? (host, authority[authority.index(after: end)...]) : nil
        }
        let host = authority.prefix { $0 != ":" }
        return String(host).isDomainName ? (host, authority[host.endIndex...]) : nil
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.isEmpty || text.hasPrefix(":") && UInt16(text.dropFirst()).map { $0 > 0 } == true && !text.contains("+")
    }

    /// Of characters that a URL may have, each percent sign before two hexadecimal digits.
    private static func isWellFormed(_ text: String.UTF8View) -> Bool {
        var digitsDue = 0
        for byte in text {
            let isHex = (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
            guard digitsDue == 0 || isHex, (0x21...0x7e).contains(byte), !"\"<>\\^`{|}".utf8.contains(byte) else {
                return false
            }
            digitsDue = byte == 0x25 ? 2 : max(digitsDue - 1, 0)
        }
        return digitsDue == 0
    }
}
