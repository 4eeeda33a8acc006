// SPDX-License-Identifier: Apache-2.0

/// An IPv4 or IPv6 address without a zone.
package struct IPAddress: Hashable, Sendable {
    /// The sixteen bytes of an IPv6 address. IPv4 addresses are those under ::ffff:0:0/96.
    let high: UInt64
    let low: UInt64

    static let mapped: UInt64 = 0xFFFF_0000_0000

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    init(v4 address: UInt32) { self.init(high: 0, low: Self.mapped | UInt64(address)) }

    var v4: UInt32? { high == 0 && low >> 32 == Self.mapped >> 32 ? UInt32(truncatingIfNeeded: low) : nil }
    /// 4 or 6.
    var family: Int64 { v4 == nil ? 6 : 4 }
    var bitCount: Int { v4 == nil ? 128 : 32 }

    var isUnspecified: Bool { v4 == 0 || (high == 0 && low == 0) }
    var isLoopback: Bool { v4.map { $0 >> 24 == 127 } ?? (high == 0 && low == 1) }
    var isMulticast: Bool { v4.map { $0 >> 28 == 0xE } ?? (high >> 56 == 0xFF) }
    var isLinkLocalMulticast: Bool { v4.map { $0 >> 8 == 0xE00000 } ?? (high >> 48 & 0xFF0F == 0xFF02) }
    var isLinkLocalUnicast: Bool { v4.map { $0 >> 16 == 0xA9FE } ?? (high >> 54 == 0xFE80 >> 6) }
    var isGlobalUnicast: Bool {
        !isUnspecified && !isLoopback && !isMulticast && !isLinkLocalUnicast && v4 != .max
    }

    /// The first bits, the others zero.
    func masked(_ bits: Int) -> IPAddress {
        let bits = v4 == nil ? bits : bits + 96
        return IPAddress(high: high & Self.mask(bits), low: low & Self.mask(bits - 64))
    }

    private static func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : bits >= 64 ? .max : ~(.max >> UInt64(bits)) }
}

// MARK: Text

extension IPAddress {
    enum ParseError: Error {
        case malformed, zone, mapped
    }

    /// Dotted IPv4 without leading zeros, or IPv6. `::ffff:c0a8:1` is IPv4; written `::ffff:192.168.0.1` it is
    /// refused, as Kubernetes does.
    init(_ text: some Collection<UInt8>) throws(ParseError) {
        guard text.count <= 64 else { throw .malformed }
        if text.contains(UInt8(ascii: "%")) { throw .zone }
        if !text.contains(UInt8(ascii: ":")) {
            guard let address = Self.dotted(text) else { throw .malformed }
            self.init(v4: address)
            return
        }
        guard let groups = Self.groups(text) else { throw .malformed }
        func half(_ groups: ArraySlice<UInt16>) -> UInt64 { groups.reduce(0) { $0 << 16 | UInt64($1) } }
        self.init(high: half(groups[0..<4]), low: half(groups[4..<8]))
        if v4 != nil, text.contains(UInt8(ascii: ".")) { throw .mapped }
    }

    private static func dotted(_ text: some Collection<UInt8>) -> UInt32? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard let byte = decimal(part, digits: 3), byte <= 255 else { return nil }
            address = address << 8 | UInt32(byte)
        }
        return address
    }

    /// A number without leading zeros.
    static func decimal(_ text: some Collection<UInt8>, digits: Int) -> Int? {
        guard (1...digits).contains(text.count), text.count == 1 || text.first != UInt8(ascii: "0"),
            text.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return text.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private static func groups(_ text: some Collection<UInt8>) -> [UInt16]? {
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard (3...9).contains(parts.count) else { return nil }
        var groups: [UInt16] = []
        var gap: Int?
        for (index, part) in parts.enumerated() {
            if part.isEmpty {
                // The text's two ends may each add an empty part to the gap's own.
                if index == 0, parts[1].isEmpty { continue }
                if index == parts.count - 1, gap == groups.count, parts[index - 1].isEmpty { continue }
                guard gap == nil, index > 0, index < parts.count - 1 else { return nil }
                gap = groups.count
            } else if index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let address = dotted(part) else { return nil }
                groups += [UInt16(address >> 16), UInt16(truncatingIfNeeded: address)]
            } else {
                guard part.count <= 4, let group = UInt16(String(decoding: part, as: UTF8.self), radix: 16),
                    part.first != UInt8(ascii: "+")
                else { return nil }
                groups.append(group)
            }
        }
        guard let gap else { return groups.count == 8 ? groups : nil }
        guard groups.count <= 7 else { return nil }
        groups.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
        return groups
    }
}

extension IPAddress: CustomStringConvertible {
    /// As RFC 5952 has it.
    package var description: String {
        if let v4 { return stride(from: 24, through: 0, by: -8).map { "\(v4 >> $0 & 0xFF)" }.joined(separator: ".") }
        let groups = [high, low].flatMap { half in
            stride(from: 48, through: 0, by: -16).map { UInt16(truncatingIfNeeded: half >> $0) }
        }
        var gap = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > max(gap.count, 1) { gap = start..<end }
            start = end + 1
        }
        func text(_ groups: ArraySlice<UInt16>) -> String {
            groups.map { String($0, radix: 16) }.joined(separator: ":")
        }
        return gap.isEmpty
            ? text(groups[...]) : text(groups[..<gap.lowerBound]) + "::" + text(groups[gap.upperBound...])
    }
}

/// A network: an address, whose bits past the prefix need not be zero, and how many bits the prefix has.
package struct CIDR: Hashable, Sendable {
    let address: IPAddress
    let prefixLength: Int

    var masked: CIDR { CIDR(address: address.masked(prefixLength), prefixLength: prefixLength) }

    func contains(_ other: IPAddress) -> Bool {
        address.family == other.family && other.masked(prefixLength) == address.masked(prefixLength)
    }

    func contains(_ other: CIDR) -> Bool { other.prefixLength >= prefixLength && contains(other.address) }

    init(address: IPAddress, prefixLength: Int) {
        self.address = address
        self.prefixLength = prefixLength
    }

    init(_ text: ArraySlice<UInt8>) throws(IPAddress.ParseError) {
        guard let slash = text.lastIndex(of: UInt8(ascii: "/")),
            let length = IPAddress.decimal(text[(slash + 1)...], digits: 3)
        else { throw .malformed }
        address = try IPAddress(text[..<slash])
        guard length <= address.bitCount else { throw .malformed }
        prefixLength = length
    }
}

extension CIDR: CustomStringConvertible {
    package var description: String { "\(address)/\(prefixLength)" }
}
