// SPDX-License-Identifier: Apache-2.0

/// Where the agent listens.
package enum ServerAddress: Equatable, Sendable {
    case unix(path: String)
    case tcp(host: String, port: Int)

    package static let standard = ServerAddress.unix(path: "/var/run/apus/apus.sock")

    /// Reads `unix:///path`, `host:port`, `[::1]:port`.
    package init(parsing text: String) throws {
        if text.hasPrefix("unix:") {
            self = try .unix(path: Self.path(in: text))
            return
        }
        guard let colon = text.lastIndex(of: ":") else {
            throw Invalid(text: text, reason: "there is no port")
        }
        var host = text[..<colon]
        guard let port = Int(text[text.index(after: colon)...]), (1...65535).contains(port) else {
            throw Invalid(text: text, reason: "the port is not a number from 1 to 65535")
        }
        if host.hasPrefix("[") && host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw Invalid(text: text, reason: "an IPv6 address stands in brackets")
        }
        guard !host.isEmpty else { throw Invalid(text: text, reason: "there is no host") }
        self = .tcp(host: String(host), port: port)
    }

    private static func path(in text: String) throws -> String {
        var path = text.dropFirst("unix:".count)
        if path.hasPrefix("//") { path = path.dropFirst(2) }
        guard path.hasPrefix("/") else { throw Invalid(text: text, reason: "the path is not absolute") }
        guard path.utf8.count < longestPath else {
            throw Invalid(text: text, reason: "the path is longer than the \(longestPath - 1) bytes of a socket's name")
        }
        return String(path)
    }

    /// `sun_path` with its final zero.
    private static let longestPath = 108

    package struct Invalid: Error, CustomStringConvertible {
        var text: String
        var reason: String
        package var description: String {
            "\(text.terminalWord) is no server address: \(reason); expected unix:///path or host:port"
        }
    }
}

extension ServerAddress: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unix(let path): "unix://\(path)"
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }
}
