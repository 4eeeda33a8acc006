// SPDX-License-Identifier: Apache-2.0

/// A number of bytes as people write it: `65536`, `64K`, `8M`, `1G` (powers of 1024).
package struct ByteSize: Sendable, Equatable {
    package let bytes: Int

    package init(bytes: Int) { self.bytes = bytes }

    package init?(_ text: String) {
        let units: [Character: Int] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
        let unit = text.last.flatMap { units[Character($0.uppercased())] }
        let digits = unit == nil ? text[...] : text.dropLast()
        guard let number = Int(digits), number >= 0 else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit ?? 1)
        guard !overflow else { return nil }
        self.bytes = bytes
    }
}

extension ByteSize: CustomStringConvertible {
    package var description: String {
        for (unit, shift) in [("G", 30), ("M", 20), ("K", 10)] where bytes > 0 && bytes & ((1 << shift) - 1) == 0 {
            return "\(bytes >> shift)\(unit)"
        }
        return "\(bytes)"
    }
}
