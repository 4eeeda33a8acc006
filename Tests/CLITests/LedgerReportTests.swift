// SPDX-License-Identifier: Apache-2.0

import CLICore
import SwiftProtobuf
import Testing
import TetragonAPI

@Suite struct LedgerReportTests {
    private func subscriber(_ name: String, lost: UInt64 = 0) -> Apus_V1_GetLedgerResponse.Subscriber {
        .with {
            $0.name = name
            $0.offered = 10
            $0.delivered = 10 - lost
            $0.lost = lost
        }
    }

    private var ledger: Apus_V1_GetLedgerResponse {
        .with {
            $0.cpus = [
                .with { ($0.cpu, $0.attempted, $0.received, $0.unread) = (0, 20, 19, 1) },
                .with { ($0.cpu, $0.attempted, $0.received, $0.lost) = (3, 40, 33, 7) },
            ]
            $0.missed = 2
            $0.records.exec = 5
            $0.records.exit = 4
            $0.records.malformed = 1
            $0.events.exec = 10
            $0.events.exit = 3
            $0.events.found = 6
            $0.events.repeatedExit = 1
            $0.events.waiting = 1
        }
    }

    @Test func everySumIsSaid() {
        #expect(
            LedgerReport(ledger).text(isColored: false) == """
                records  60 attempted = 52 received + 7 lost (ring full: 7 on CPU 3) + 1 unread; 1 malformed, 2 missed \
                by the kernel
                events   5 exec records + 4 exit records + 6 processes found = 10 execs + 3 exits + 1 repeated + 1 waiting

                """)
    }

    @Test func whatPoliciesAndLimitsDidIsSaidWhereThereIsAny() {
        var ledger = ledger
        ledger.records.policy = 9
        (ledger.events.policy, ledger.events.joined, ledger.events.throttled) = (4, 3, 2)
        let line = LedgerReport(ledger).text(isColored: false).split(separator: "\n")[1]
        #expect(
            line == """
                events   5 exec records + 4 exit records + 6 processes found + 9 policy records = 10 execs + 3 exits + \
                1 repeated + 1 waiting + 4 of policies + 3 returns joined + 2 throttled
                """)
    }

    @Test func whoLostMostStandsFirst() {
        var ledger = ledger
        ledger.subscribers = [subscriber("export"), subscriber("pid 7", lost: 3), subscriber("a\u{1b}b", lost: 4)]
        ledger.departed = subscriber("departed", lost: 1)
        let lines = LedgerReport(ledger).text(isColored: false).split(separator: "\n").suffix(5)
        #expect(
            Array(lines) == [
                "SUBSCRIBER  OFFERED  FILTERED  DELIVERED  LOST  WAITING",
                "a\\u{1b}b         10         0          6     4        0",
                "pid 7            10         0          7     3        0",
                "export           10         0         10     0        0",
                "(departed)       10         0          9     1        0",
            ])
    }

    @Test func aThousandSubscribersAreAFewLines() {
        var ledger = ledger
        ledger.subscribers = (0..<1000).map { subscriber("client \($0)", lost: $0 == 999 ? 1 : 0) }
        let lines = LedgerReport(ledger).text(isColored: false).split(separator: "\n")
        #expect(lines.count == 2 + 1 + 20 + 1)
        #expect(lines[3].hasPrefix("client 999 "))
        #expect(lines.last?.hasPrefix("(980 others)     9800") == true)
    }
}
