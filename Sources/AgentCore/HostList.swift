// SPDX-License-Identifier: Apache-2.0
package import ArgumentParser

/// Names or addresses of hosts separated by commas; `*` is any.
package struct HostList: Sendable, Equatable, ExpressibleByArgument, CustomStringConvertible {
    package let names: [String]

    package init(_ names: [String]) { self.names = names }

    package init?(argument: String) {
        let names = argument.split(separator: ",").map(\.trimmed)
        guard names.allSatisfy({ $0 == "*" || Self.isHost($0) }) else { return nil }
        self.names = names
    }

    /// A domain name, or an address without brackets; no pattern and no port.
    private static func isHost(_ text: String) -> Bool {
        let isAddress = text.utf8.count { $0 == 0x3a } > 1
        return (1...253).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f: true
                case 0x3a: isAddress
                default: false
                }
            }
    }

    package var description: String { names.joined(separator: ",") }
    package var defaultValueDescription: String { description }
}
