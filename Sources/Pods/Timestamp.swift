// SPDX-License-Identifier: Apache-2.0

/// Times as the API writes them.
enum Timestamp {
    /// Nanoseconds since 1970 of an RFC 3339 time such as `2024-02-29T12:00:00.5Z` or `…+02:00`; nil for what is none
    /// or lies outside the years 1970 to 2199.
    static func nanoseconds(_ text: String) -> Int64? {
        guard text.utf8.count <= 64 else { return nil }
        var rest = Array(text.utf8)[...]
        guard let year = number(&rest, 4), skip(&rest, "-"), let month = number(&rest, 2), skip(&rest, "-"),
            let day = number(&rest, 2), skip(&rest, "T") || skip(&rest, "t"),
            let hour = number(&rest, 2), skip(&rest, ":"), let minute = number(&rest, 2), skip(&rest, ":"),
            let second = number(&rest, 2)
        else { return nil }
        // 60 is a leap second.
        guard (1970...2199).contains(year), (1...12).contains(month), (1...daysOf(month, year)).contains(day),
            hour < 24, minute < 60, second <= 60
        else { return nil }

        var nanoseconds: Int64 = 0
        if skip(&rest, ".") {
            let digits = rest.prefix { isDigit($0) }
            guard !digits.isEmpty else { return nil }
            rest = rest[digits.endIndex...]
            for index in 0..<9 {
                let digit = index < digits.count ? digits[digits.startIndex + index] - UInt8(ascii: "0") : 0
                nanoseconds = nanoseconds * 10 + Int64(digit)
            }
        }
        guard let offset = offset(&rest), rest.isEmpty else { return nil }
        let seconds = daysSince1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset
        return seconds < 0 ? nil : Int64(seconds) * 1_000_000_000 + nanoseconds
    }

    /// In seconds, east of Greenwich.
    private static func offset(_ rest: inout ArraySlice<UInt8>) -> Int? {
        if skip(&rest, "Z") || skip(&rest, "z") { return 0 }
        let isWest = rest.first == UInt8(ascii: "-")
        guard isWest || rest.first == UInt8(ascii: "+") else { return nil }
        rest.removeFirst()
        guard let hours = number(&rest, 2), skip(&rest, ":"), let minutes = number(&rest, 2), hours < 24, minutes < 60
        else { return nil }
        let seconds = hours * 3_600 + minutes * 60
        return isWest ? -seconds : seconds
    }

    private static func number(_ rest: inout ArraySlice<UInt8>, _ count: Int) -> Int? {
        let digits = rest.prefix(count)
        guard digits.count == count, digits.allSatisfy({ isDigit($0) }) else { return nil }
        rest = rest.dropFirst(count)
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    private static func skip(_ rest: inout ArraySlice<UInt8>, _ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

    private static func daysOf(_ month: Int, _ year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
        var days = day - 1
        for earlier in 1970..<year { days += isLeap(earlier) ? 366 : 365 }
        for earlier in 1..<month { days += daysOf(earlier, year) }
        return days
    }
}
