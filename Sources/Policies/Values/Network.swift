// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The addresses that begin with the same bits.
package struct Network: Sendable, Equatable {
    /// 4 or 16 bytes, in the network's order.
    package let address: [UInt8]
    package let prefixLength: Int

    /// `10.0.0.1`, `10.0.0.0/8`, `fd00::/8`. An IPv4 address that is written as one of IPv6 is the IPv4 address.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, var address = Self.address(String(first)) else { return nil }
        var length = 8 * address.count
        if parts.count == 2 {
            let digits = parts[1]
            guard (1...3).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let number = Int(digits), number <= length
            else { return nil }
            length = number
        }
        if address.count == 16, address.prefix(10).allSatisfy({ $0 == 0 }), address[10] == 0xff, address[11] == 0xff,
            length >= 96
        {
            address.removeFirst(12)
            length -= 96
        }
        self.address = address
        prefixLength = length
    }

    private static func address(_ text: String) -> [UInt8]? {
        guard !text.utf8.contains(0) else { return nil }
        for (family, size) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: size)
            if inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }
}

extension Network {
    /// Whether it is of the machine itself, or of what answers to it as to nobody else, such as the services by which
    /// clouds give their machines credentials.
    package var isNear: Bool { Self.near.contains { $0.contains(self) } }

    private static let near = [
        "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "::/128", "::1/128", "fe80::/10",
        // Where one of the clouds has that service in IPv6.
        "fd00:ec2::254/128",
    ].compactMap(Network.init)

    private func contains(_ other: Network) -> Bool {
        guard address.count == other.address.count, prefixLength <= other.prefixLength else { return false }
        return (0..<prefixLength).allSatisfy { bit in
            (address[bit / 8] ^ other.address[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0
        }
    }
}
