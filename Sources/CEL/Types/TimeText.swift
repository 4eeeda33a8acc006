// SPDX-License-Identifier: Apache-2.0

/// Reads digits and marks from left to right.
private struct Scanner {
    private let bytes: ArraySlice<UInt8>
    private var index: Int

    init(_ text: ByteString) {
        bytes = text.bytes
        index = bytes.startIndex
    }

    var isAtEnd: Bool { index == bytes.endIndex }

    mutating func next() -> UInt8? {
        guard index < bytes.endIndex else { return nil }
        defer { index += 1 }
        return bytes[index]
    }

    mutating func accept(_ marks: String) -> UInt8? {
        guard index < bytes.endIndex, marks.utf8.contains(bytes[index]) else { return nil }
        defer { index += 1 }
        return bytes[index]
    }

    mutating func accept(word: String) -> Bool {
        guard bytes[index...].starts(with: word.utf8) else { return false }
        index += word.utf8.count
        return true
    }

    /// Exactly so many digits.
    mutating func number(digits: Int) -> Int? {
        var value = 0
        for _ in 0..<digits {
            guard let digit = accept("0123456789") else { return nil }
            value = value * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return value
    }

    /// All digits that follow.
    mutating func digits() -> ArraySlice<UInt8> {
        let start = index
        while accept("0123456789") != nil {}
        return bytes[start..<index]
    }

    /// Digits behind a point as billionths; what is beyond them is cut off.
    mutating func billionths() -> Int {
        var value = 0
        for (position, digit) in digits().enumerated() where position < 9 {
            value +=
                Int(digit - UInt8(ascii: "0"))
                * [
                    100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1,
                ][position]
        }
        return value
    }
}

extension Timestamp: CustomStringConvertible {
    /// RFC 3339, such as `2024-02-29T12:00:00.5+02:00`.
    init(_ text: ByteString) throws(EvaluationError) {
        guard let (seconds, nanoseconds) = Self.parsed(text) else {
            throw .invalidArgument("timestamp(): the text is no time in the form 2006-01-02T15:04:05Z (RFC 3339)")
        }
        guard let time = Timestamp(checking: seconds, nanoseconds: Int32(nanoseconds)) else {
            throw .overflow("timestamp()")
        }
        self = time
    }

    private static func parsed(_ text: ByteString) -> (Int64, Int)? {
        var scanner = Scanner(text)
        guard text.count <= 64, let year = scanner.number(digits: 4) else { return nil }
        guard scanner.accept("-") != nil, let month = scanner.number(digits: 2), scanner.accept("-") != nil,
            let day = scanner.number(digits: 2), scanner.accept("Tt") != nil, (1...12).contains(month),
            (1...CivilTime.days(in: month, of: year)).contains(day)
        else { return nil }
        guard let hour = scanner.number(digits: 2), scanner.accept(":") != nil,
            let minute = scanner.number(digits: 2), scanner.accept(":") != nil,
            let second = scanner.number(digits: 2), hour < 24, minute < 60, second < 60
        else { return nil }
        var nanoseconds = 0
        if scanner.accept(".") != nil { nanoseconds = scanner.billionths() }
        var offset = 0
        if scanner.accept("Zz") == nil {
            guard let sign = scanner.accept("+-"), let hours = scanner.number(digits: 2), scanner.accept(":") != nil,
                let minutes = scanner.number(digits: 2), hours < 24, minutes < 60
            else { return nil }
            offset = (hours * 3600 + minutes * 60) * (sign == UInt8(ascii: "-") ? -1 : 1)
        }
        guard scanner.isAtEnd else { return nil }
        let days = CivilTime.days(year: year, month: month, day: day)
        return (Int64(days * 86400 + hour * 3600 + minute * 60 + second - offset), nanoseconds)
    }

    package var description: String {
        let civil = CivilTime(self, offset: 0)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let year = String(repeating: "0", count: max(0, 4 - "\(civil.year)".utf8.count)) + "\(civil.year)"
        return "\(year)-\(two(civil.month))-\(two(civil.day))T\(two(civil.secondOfDay / 3600)):"
            + "\(two(civil.secondOfDay / 60 % 60)):\(two(civil.secondOfDay % 60))\(fraction(civil.nanoseconds))Z"
    }
}

/// Billionths behind a point, without zeros at the end; nothing for none.
private func fraction(_ nanoseconds: Int) -> String {
    guard nanoseconds != 0 else { return "" }
    let digits = "\(nanoseconds + 1_000_000_000)".dropFirst()
    return "." + digits[...(digits.lastIndex { $0 != "0" } ?? digits.startIndex)]
}

extension Span: CustomStringConvertible {
    /// A row of numbers with units, such as `1h30m`, `1.5s`, `-10ms`.
    init(_ text: ByteString) throws(EvaluationError) {
        guard text.count <= 128, let nanoseconds = Self.parsed(text) else {
            throw .invalidArgument(
                "duration(): the text is no row of numbers and units (h, m, s, ms, us, ns), or out of range")
        }
        self.init(nanoseconds: nanoseconds)
    }

    private static let units: [(String, Int128)] = [
        ("ns", 1), ("us", 1_000), ("µs", 1_000), ("μs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000),
        ("m", 60_000_000_000), ("h", 3_600_000_000_000),
    ]

    private static func parsed(_ text: ByteString) -> Int64? {
        var scanner = Scanner(text)
        let sign = scanner.accept("+-")
        if text.bytes.drop(while: { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }).elementsEqual("0".utf8) {
            return 0
        }
        var total: Int128 = 0
        repeat {
            let whole = scanner.digits()
            guard whole.count <= 20 else { return nil }
            var billionths = 0
            let hasPoint = scanner.accept(".") != nil
            if hasPoint {
                let before = scanner
                billionths = scanner.billionths()
                if whole.isEmpty, before.isAtEnd { return nil }
            }
            guard !whole.isEmpty || billionths > 0 else { return nil }
            guard let (_, scale) = units.first(where: { scanner.accept(word: $0.0) }) else { return nil }
            let number = whole.reduce(Int128(0)) { $0 * 10 + Int128($1 - UInt8(ascii: "0")) }
            total += number * scale + Int128(billionths) * scale / 1_000_000_000
        } while !scanner.isAtEnd
        return Int64(exactly: sign == UInt8(ascii: "-") ? -total : total)
    }

    /// In seconds, such as `1.5s`.
    package var description: String {
        let magnitude = nanoseconds.magnitude
        return (nanoseconds < 0 ? "-" : "") + "\(magnitude / 1_000_000_000)"
            + fraction(Int(magnitude % 1_000_000_000)) + "s"
    }
}
