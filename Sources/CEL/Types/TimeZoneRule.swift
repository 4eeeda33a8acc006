// SPDX-License-Identifier: Apache-2.0

/// When clocks change every year, as POSIX writes it: `CET-1CEST,M3.5.0,M10.5.0/3`.
struct TimeZoneRule: Sendable {
    private enum Day: Sendable {
        /// Of the year from 1, without February 29th.
        case julian(Int)
        /// Of the year from 0.
        case ordinal(Int)
        /// The week from 1 (5 is the last one) and the day of it, from Sunday.
        case weekday(month: Int, week: Int, day: Int)
    }

    private struct Change: Sendable {
        let day: Day
        /// Seconds after midnight, of the clocks before it.
        let time: Int
    }

    private let standard: Int
    private var summer: (offset: Int, start: Change, end: Change)?

    init?(_ text: String) {
        var text = Array(text.utf8)[...]
        guard Self.skipName(&text), let standard = Self.time(&text) else { return nil }
        self.standard = -standard
        if text.isEmpty { return }
        guard Self.skipName(&text) else { return nil }
        var offset = -standard + 3600
        if text.first != UInt8(ascii: ",") {
            guard let given = Self.time(&text) else { return nil }
            offset = -given
        }
        guard let start = Self.change(&text), let end = Self.change(&text), text.isEmpty else { return nil }
        summer = (offset, start, end)
    }

    /// Seconds east of Greenwich.
    func offset(at seconds: Int64) -> Int {
        guard let summer else { return standard }
        let local = CivilTime(Timestamp(seconds: seconds, nanoseconds: 0), offset: standard)
        let start = Self.seconds(summer.start, local.year) - standard
        let end = Self.seconds(summer.end, local.year) - summer.offset
        let isSummer =
            start < end
            ? (start..<end).contains(Int(seconds)) : !(end..<start).contains(Int(seconds))
        return isSummer ? summer.offset : standard
    }

    /// When the year's change is, on the clocks before it.
    private static func seconds(_ change: Change, _ year: Int) -> Int {
        let newYear = CivilTime.days(year: year, month: 1, day: 1)
        let day: Int
        switch change.day {
        case .julian(let number): day = newYear + number - 1 + (CivilTime.isLeap(year) && number > 59 ? 1 : 0)
        case .ordinal(let number): day = newYear + number
        case .weekday(let month, let week, let weekday):
            let first = CivilTime.days(year: year, month: month, day: 1)
            var number = (weekday - (first + 4) % 7 + 14) % 7 + (week - 1) * 7
            if number >= CivilTime.days(in: month, of: year) { number -= 7 }
            day = first + number
        }
        return day * 86400 + change.time
    }

    // MARK: Text

    /// Three letters or more, or anything in angle brackets.
    private static func skipName(_ text: inout ArraySlice<UInt8>) -> Bool {
        if text.first == UInt8(ascii: "<") {
            guard let end = text.firstIndex(of: UInt8(ascii: ">")) else { return false }
            text = text[(end + 1)...]
            return true
        }
        let rest = text.drop { (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) }
        guard text.count - rest.count >= 3 else { return false }
        text = rest
        return true
    }

    private static func number(_ text: inout ArraySlice<UInt8>) -> Int? {
        let digits = text.prefix { (0x30...0x39).contains($0) }
        guard (1...3).contains(digits.count) else { return nil }
        text = text.dropFirst(digits.count)
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    private static func accept(_ mark: Unicode.Scalar, _ text: inout ArraySlice<UInt8>) -> Bool {
        guard text.first == UInt8(ascii: mark) else { return false }
        text = text.dropFirst()
        return true
    }

    /// `[+-]h[:m[:s]]`
    private static func time(_ text: inout ArraySlice<UInt8>) -> Int? {
        let sign = accept("-", &text) ? -1 : 1
        if sign == 1 { _ = accept("+", &text) }
        guard let hours = number(&text), hours <= 167 else { return nil }
        var seconds = hours * 3600
        for scale in [60, 1] where accept(":", &text) {
            guard let part = number(&text), part < 60 else { return nil }
            seconds += part * scale
        }
        return sign * seconds
    }

    private static func change(_ text: inout ArraySlice<UInt8>) -> Change? {
        guard accept(",", &text) else { return nil }
        let day: Day
        if accept("M", &text) {
            guard let month = number(&text), accept(".", &text), let week = number(&text), accept(".", &text),
                let weekday = number(&text), (1...12).contains(month), (1...5).contains(week), weekday <= 6
            else { return nil }
            day = .weekday(month: month, week: week, day: weekday)
        } else if accept("J", &text) {
            guard let number = number(&text), (1...365).contains(number) else { return nil }
            day = .julian(number)
        } else {
            guard let number = number(&text), number <= 365 else { return nil }
            day = .ordinal(number)
        }
        guard accept("/", &text) else { return Change(day: day, time: 7200) }
        guard let time = time(&text) else { return nil }
        return Change(day: day, time: time)
    }
}
