// SPDX-License-Identifier: Apache-2.0

/// Where a server listens: a socket in the file system, or a TCP port.
package enum ListenAddress: Sendable, Equatable {
    case unix(path: String)
    case tcp(host: String, port: UInt16)

    /// Longest path that fits into sockaddr_un with its closing zero.
    package static let longestPath = 107

    /// Reads `unix:///path`, `unix:/path`, `host:port` or `[::1]:port`; nil if it is none of them.
    package init?(_ text: String) {
        if text.hasPrefix("unix:") {
            var path = text.dropFirst("unix:".count)
            if path.hasPrefix("///") { path = path.dropFirst(2) }
            guard path.hasPrefix("/"), !path.hasPrefix("//"), path.count > 1, !path.hasSuffix("/"),
                path.utf8.count <= Self.longestPath
            else { return nil }
            self = .unix(path: String(path))
            return
        }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty else { return nil }
        self = .tcp(host: String(host), port: port)
    }
}

extension ListenAddress: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unix(let path): "unix://\(path)"
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }
}
