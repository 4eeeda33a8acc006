// SPDX-License-Identifier: Apache-2.0
import Foundation
import Processes
import Testing

@testable import Export

@Suite struct PolicyTests {
    @Test(
        "a file goes when a line finds no room, or when it is old, but never empty",
        arguments: [
            (size: 0, growth: 10, age: 0, isDue: false),
            (size: 90, growth: 10, age: 0, isDue: false),
            (size: 91, growth: 10, age: 0, isDue: true),
            (size: 0, growth: 1000, age: 0, isDue: false),
            (size: 1, growth: 1000, age: 0, isDue: true),
            (size: 101, growth: 0, age: 0, isDue: true),
            (size: 100, growth: 0, age: 59, isDue: false),
            (size: 1, growth: 0, age: 60, isDue: true),
            (size: 0, growth: 0, age: 60, isDue: false),
            (size: 1, growth: Int.max, age: 0, isDue: true),
        ])
    func rotation(size: Int, growth: Int, age: Int, isDue: Bool) {
        let policy = RotationPolicy(maxSize: 100, interval: 60)
        #expect(policy.isDue(size: size, growth: growth, age: UInt64(age)) == isDue)
        let ageless = RotationPolicy(maxSize: 100)
        #expect(ageless.isDue(size: size, growth: growth, age: .max) == (isDue && age < 60))
    }

    @Test(
        "a backup's name is the file's, with the time before the extension",
        arguments: [
            ("events.json", Int64(0), "events-1970-01-01T00-00-00.000.json"),
            ("events.json", 1_769_903_999_999, "events-2026-01-31T23-59-59.999.json"),
            ("events", 951_782_400_007, "events-2000-02-29T00-00-00.007"),
            (".json", 0, "-1970-01-01T00-00-00.000.json"),
            ("a.b.log", 0, "a.b-1970-01-01T00-00-00.000.log"),
        ])
    func names(file: String, time: Int64, expected: String) {
        let names = BackupNames(of: file)
        let stamp = BackupNames.stamp(time)
        #expect(names.name(stamp, .plain) == expected)
        for form in [BackupNames.Form.plain, .compressed, .unfinished] {
            let read = names.read(names.name(stamp, form))
            #expect(read?.stamp == stamp && read?.form == form)
        }
    }

    @Test(
        "what is no backup of the file is left alone",
        arguments: [
            "events.json", "events-.json", "events-2026-01-31T23-59-59.json", "events-2026-01-31T23-59-59.999.log",
            "events-2026-01-31T23-59-59.999.json.bz2", "events-2026-01-31T23-59-59.999", "events-json",
            "others-2026-01-31T23-59-59.999.json", "events-2026-01-31T23-59-59.99é.json",
            "events-x026-01-31T23-59-59.999.json", "events-2026-01-31T23-59-59.9999.json", "",
        ])
    func foreignNames(name: String) {
        #expect(BackupNames(of: "events.json").read(name) == nil)
    }

    @Test("a minute's worth passes at once, then evenly, and what is withheld is told once a minute")
    func rate() {
        let second: UInt64 = 1_000_000_000
        var limit = RateLimit(perMinute: 60, now: 0)
        #expect((0..<100).count { _ in limit.take(now: 0) } == 60)
        #expect(limit.due(now: 59 * second) == nil)
        #expect((0..<100).count { _ in limit.take(now: 10 * second) } == 10)
        #expect(limit.due(now: 60 * second) == 130)
        limit.told(130, now: 60 * second)
        #expect(limit.due(now: 200 * second) == nil)
        // The bucket holds no more than a minute's.
        #expect((0..<100).count { _ in limit.take(now: 10_000 * second) } == 60)
        #expect(limit.due(now: 10_000 * second) == 40)
        limit.told(40, now: 10_000 * second)
        let more = limit.take(now: 10_000 * second)
        #expect(!more)
        #expect(limit.due(now: 10_001 * second) == nil)
        #expect(limit.due(now: 10_001 * second, isLast: true) == 1)
    }

    @Test("a limit of none lets none through, the highest one a hundred million")
    func extremes() {
        var none = RateLimit(perMinute: 0, now: 0)
        let passed = [none.take(now: 0), none.take(now: .max)]
        #expect(passed == [false, false])
        var highest = RateLimit(perMinute: RateLimit.highest, now: 0)
        let first = highest.take(now: 0)
        let last = highest.take(now: .max)
        #expect(first && last)
    }
}
