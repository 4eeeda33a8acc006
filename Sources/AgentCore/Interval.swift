// SPDX-License-Identifier: Apache-2.0

/// A length of time as people write it: `90s`, `1h30m`, `500ms`; `0` needs no unit.
package struct Interval: Sendable, Equatable, CustomStringConvertible {
    package let milliseconds: UInt64

    package init(milliseconds: UInt64) { self.milliseconds = milliseconds }

    package init?(_ text: String) {
        guard text != "0" else {
            self.init(milliseconds: 0)
            return
        }
        var sum: UInt64 = 0
        var rest = text[...]
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            let unit = rest[digits.endIndex...].prefix { !$0.isNumber }
            guard let number = UInt64(digits), let length = Self.units.first(where: { $0.name == unit })?.length else {
                return nil
            }
            let (product, tooLong) = number.multipliedReportingOverflow(by: length)
            let (total, overflow) = sum.addingReportingOverflow(product)
            guard !tooLong, !overflow else { return nil }
            sum = total
            rest = rest[unit.endIndex...]
        }
        self.init(milliseconds: sum)
    }

    private static let units: [(name: String, length: UInt64)] = [
        ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    package var description: String {
        var rest = milliseconds
        var text = ""
        for (name, length) in Self.units where rest >= length {
            text += "\(rest / length)\(name)"
            rest %= length
        }
        return text.isEmpty ? "0" : text
    }
}
