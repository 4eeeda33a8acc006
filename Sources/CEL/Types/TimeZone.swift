// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import Synchronization

/// How far clocks are ahead of UTC: always the same, or as the time zone database has it.
struct TimeZone: Sendable {
    private struct Period: Sendable {
        /// Seconds since 1970 at which it begins.
        let start: Int64
        let offset: Int
    }

    private let first: Int
    private let periods: [Period]
    private let rule: TimeZoneRule?

    init(offset: Int) {
        first = offset
        periods = []
        rule = nil
    }

    /// Seconds east of Greenwich.
    func offset(at seconds: Int64) -> Int {
        guard let last = periods.last else { return rule?.offset(at: seconds) ?? first }
        if seconds >= last.start { return rule?.offset(at: seconds) ?? last.offset }
        var low = 0
        var high = periods.count
        while low < high {
            let middle = (low + high) / 2
            if periods[middle].start <= seconds { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? first : periods[low - 1].offset
    }

    // MARK: Names

    private static let known = Mutex<[ByteString: TimeZone]>([:])
    /// Filters name few; whoever names more waits for the file each time.
    private static let maximumKnown = 64

    /// `UTC`, `+02:00`, `-07:30`, `02:00`, or a name of the time zone database, such as `Europe/Berlin`.
    static func named(_ name: ByteString) throws(EvaluationError) -> TimeZone {
        if name.isEmpty || name == "UTC" { return TimeZone(offset: 0) }
        if let offset = fixedOffset(name.string) { return TimeZone(offset: offset) }
        if let zone = known.withLock({ $0[name] }) { return zone }
        let zone = try read(name.string)
        known.withLock { if $0.count < maximumKnown { $0[name] = zone } }
        return zone
    }

    private static func fixedOffset(_ text: String) -> Int? {
        let isNegative = text.hasPrefix("-")
        let parts = (isNegative || text.hasPrefix("+") ? text.dropFirst() : text[...]).split(
            separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ (1...2).contains($0.utf8.count) }), let hours = UInt8(parts[0]),
            let minutes = UInt8(parts[1]), hours < 24, minutes < 60
        else { return nil }
        return (Int(hours) * 3600 + Int(minutes) * 60) * (isNegative ? -1 : 1)
    }

    // MARK: The database

    private static let directory = "/usr/share/zoneinfo/"
    private static let maximumSize = 64 << 10

    private static func read(_ name: String) throws(EvaluationError) -> TimeZone {
        let isName =
            name.utf8.count <= 64 && !name.hasPrefix("/") && !name.contains("..")
            && name.utf8.allSatisfy { byte in
                (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
                    || "_+-/".utf8.contains(byte)
            }
        guard isName, let bytes = file(directory + name), let zone = TimeZone(tzif: bytes) else {
            throw .invalidArgument(
                isName ? "there is no time zone \(name) in \(directory)" : "the text names no time zone")
        }
        return zone
    }

    private static func file(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let bytes = [UInt8](unsafeUninitializedCapacity: maximumSize) { buffer, count in
            count = max(0, Glibc.read(descriptor, buffer.baseAddress, buffer.count))
        }
        return bytes.count < maximumSize ? bytes : nil
    }

    /// RFC 8536: a block with times of 32 bits, then one with 64, then a rule for what comes after.
    init?(tzif bytes: [UInt8]) {
        guard let short = Block(bytes, at: 0, timeSize: 4), let long = Block(bytes, at: short.end, timeSize: 8) else {
            return nil
        }
        var periods: [Period] = []
        for index in 0..<long.timeCount {
            guard let offset = long.offset(ofType: Int(bytes[long.indices + index])) else { return nil }
            periods.append(Period(start: long.time(index), offset: offset))
        }
        guard let first = long.offset(ofType: 0), bytes.indices.contains(long.end), bytes[long.end] == 0x0A else {
            return nil
        }
        let footer = bytes[(long.end + 1)...].prefix { $0 != 0x0A }
        self.first = first
        self.periods = periods
        rule = footer.isEmpty ? nil : TimeZoneRule(String(decoding: footer, as: UTF8.self))
    }

    private struct Block {
        let bytes: [UInt8]
        let times: Int
        let timeSize: Int
        let timeCount: Int
        let indices: Int
        let types: Int
        let typeCount: Int
        let end: Int

        init?(_ bytes: [UInt8], at start: Int, timeSize: Int) {
            guard bytes.count >= start + 44, bytes[start..<start + 4].elementsEqual("TZif".utf8),
                bytes[start + 4] >= UInt8(ascii: "2")
            else { return nil }
            func count(_ index: Int) -> Int {
                bytes[(start + 20 + index * 4)..<(start + 24 + index * 4)].reduce(0) { $0 << 8 | Int($1) }
            }
            let counts = (0..<6).map(count)
            guard counts.allSatisfy({ $0 <= TimeZone.maximumSize }) else { return nil }
            self.bytes = bytes
            self.timeSize = timeSize
            times = start + 44
            timeCount = counts[3]
            indices = times + timeCount * timeSize
            types = indices + timeCount
            typeCount = counts[4]
            end = types + typeCount * 6 + counts[5] + counts[2] * (timeSize + 4) + counts[1] + counts[0]
            guard end <= bytes.count else { return nil }
        }

        func time(_ index: Int) -> Int64 {
            let start = times + index * timeSize
            return bytes[start..<start + timeSize].reduce(0) { $0 << 8 | Int64($1) }
        }

        func offset(ofType type: Int) -> Int? {
            guard type < typeCount else { return nil }
            let start = types + type * 6
            return Int(Int32(bitPattern: bytes[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) }))
        }
    }
}
