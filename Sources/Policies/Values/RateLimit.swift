// SPDX-License-Identifier: Apache-2.0

/// For how long the same event is not sent again, and whose.
package struct RateLimit: Sendable, Equatable {
    package var period: Period
    package var scope: Scope

    package struct Period: Sendable, Equatable {
        package var seconds: UInt32

        package init(seconds: UInt32) { self.seconds = seconds }
    }

    package enum Scope: String, Choice {
        case thread, process, global

        package var doc: String {
            switch self {
            case .thread: "Those of one thread."
            case .process: "Those of one process."
            case .global: "Those of all processes."
            }
        }
    }

    package init(period: Period, scope: Scope) {
        self.period = period
        self.scope = scope
    }
}

extension RateLimit.Period {
    /// The kernel side counts milliseconds in 32 bits.
    static let longest: UInt32 = UInt32.max / 1000

    static let codec = Codec<RateLimit.Period>.parsed(
        "a period such as 30, 30s, 5m or 1h, at most 1193h", 1...16, pattern: "[0-9]+[smhSMH]?", takesNumbers: true
    ) { text in
        let unit: UInt32
        switch text.last {
        case "s", "S": unit = 1
        case "m", "M": unit = 60
        case "h", "H": unit = 3600
        default: unit = 0
        }
        let digits = unit == 0 ? text[...] : text.dropLast()
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt32(digits)
        else {
            return nil
        }
        let (seconds, isTooLong) = number.multipliedReportingOverflow(by: max(unit, 1))
        return isTooLong || seconds > longest ? nil : Self(seconds: seconds)
    }
}
