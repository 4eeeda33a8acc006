// SPDX-License-Identifier: Apache-2.0

import CLICore
import Testing

@Suite struct DurationTests {
    @Test(
        "a length of time has a unit, or counts seconds",
        arguments: [
            ("500ms", .milliseconds(500)), ("2s", .seconds(2)), ("3", .seconds(3)), ("1m", .seconds(60)),
            ("24h", .seconds(86_400)),
        ] as [(String, Duration)])
    func good(text: String, expected: Duration) {
        #expect(Duration(parsing: text) == expected)
    }

    @Test(
        "what is no length of time, or is longer than a day, is none",
        arguments: ["", "0", "-1s", "s", "1.5s", "1 s", "1d", "25h", "99999999999999999999s", "86400001ms", "٣s"])
    func bad(text: String) {
        #expect(Duration(parsing: text) == nil)
    }

    @Test("waits double up to their bound, and begin anew after a success")
    func backoff() {
        var backoff = Backoff(first: .seconds(2), longest: .seconds(7))
        #expect((0..<4).map { _ in backoff.wait() } == [.seconds(2), .seconds(4), .seconds(7), .seconds(7)])
        backoff.reset()
        #expect(backoff.wait() == .seconds(2))
        var long = Backoff(first: .seconds(90), longest: .seconds(60))
        #expect([long.wait(), long.wait()] == [.seconds(90), .seconds(90)])
    }
}
