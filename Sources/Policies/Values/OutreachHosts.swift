// SPDX-License-Identifier: Apache-2.0

/// Where actions of policies may have the agent reach: hosts by their names or addresses.
package struct OutreachHosts: Sendable, Equatable {
    private let names: Set<String>

    /// The agent's flag for it.
    package static let flag = "--policy-outreach-allow"
    package static let none = OutreachHosts([])
    /// In place of a name: every host that is not ``Network/isNear``.
    package static let any = "*"

    package init(_ names: [String]) { self.names = Set(names.map(Self.plain)) }

    package var isEmpty: Bool { names.isEmpty }

    package func contains(_ host: String) -> Bool { allows(host, of: host) }

    /// Whether it may be reached at an address that it has. Who names a host trusts whoever says what its addresses are.
    package func allows(_ address: String, of host: String) -> Bool {
        names.contains(Self.plain(host)) || names.contains(Self.any) && Network(address)?.isNear != true
    }

    /// Names are the same in letters of either case, and with a dot at their end.
    private static func plain(_ host: String) -> String {
        let host = host.lowercased()
        return host.hasSuffix(".") ? String(host.dropLast()) : host
    }
}

extension Action {
    /// Whom the agent would reach for it; nil where it is the kernel that acts.
    package var reachedHost: String? {
        switch self {
        case .getURL(let address): address.host
        case .dnsLookup(let name): name
        default: nil
        }
    }
}
