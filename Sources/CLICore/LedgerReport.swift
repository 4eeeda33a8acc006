// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf
package import TetragonAPI

/// What became of everything that the kernel saw, for people: a sum for the records, one for the events, and a line for
/// each subscriber.
package struct LedgerReport: Sendable {
    private static let titles = ["SUBSCRIBER", "OFFERED", "FILTERED", "DELIVERED", "LOST", "WAITING"]
    /// Subscribers with a line of their own.
    private static let mostLines = 20

    private let ledger: Apus_V1_GetLedgerResponse

    package init(_ ledger: Apus_V1_GetLedgerResponse) { self.ledger = ledger }

    /// Of the kernel's records: attempted = received + lost + unread.
    var records: String {
        let lost = ledger.cpus.filter { $0.lost > 0 }.map { "\($0.lost) on CPU \($0.cpu)" }
        return "\(sum(\.attempted)) attempted = \(sum(\.received)) received + \(sum(\.lost)) lost"
            + (lost.isEmpty ? "" : " (ring full: \(lost.joined(separator: ", ")))")
            + " + \(sum(\.unread)) unread; \(ledger.records.malformed) malformed, "
            + "\(ledger.missed) missed by the kernel"
    }

    /// Of the events that were made of them.
    var events: String {
        let (records, events) = (ledger.records, ledger.events)
        // What a node has without policies and limits is told always, the rest where there is any.
        func sum(_ always: [(UInt64, String)], _ some: [(UInt64, String)]) -> String {
            (always + some.filter { $0.0 > 0 }).map { "\($0) \($1)" }.joined(separator: " + ")
        }
        return sum(
            [(records.exec, "exec records"), (records.exit, "exit records"), (events.found, "processes found")],
            [(records.policy, "policy records")])
            + " = "
            + sum(
                [
                    (events.exec, "execs"), (events.exit, "exits"), (events.repeatedExit, "repeated"),
                    (events.waiting, "waiting"),
                ],
                [
                    (events.policy, "of policies"), (events.joined, "returns joined"), (events.unwanted, "unwanted"),
                    (events.unknownPolicy, "of deleted policies"), (events.throttled, "throttled"),
                ])
    }

    package func text(isColored: Bool) -> String {
        let palette = Palette(isColored: isColored)
        // Who has lost most first; those who came first among equals.
        let ranked = ledger.subscribers.enumerated().sorted {
            ($1.element.lost, $0.offset) < ($0.element.lost, $1.offset)
        }.map(\.element)
        var rows = ranked.prefix(Self.mostLines).map(Self.row)
        let others = ranked.dropFirst(Self.mostLines)
        if !others.isEmpty {
            rows.append(Self.row(others.reduce(into: .with { $0.name = "(\(others.count) others)" }) { $0.add($1) }))
        }
        var departed = ledger.departed
        departed.name = "(departed)"
        if departed.offered > 0 { rows.append(Self.row(departed)) }
        let table = TextTable(titles: Self.titles, rows: rows, numeric: [1, 2, 3, 4, 5])
        return "records  \(records)\nevents   \(events)\n"
            + (rows.isEmpty
                ? ""
                : "\n"
                    + table.text(palette) { _, column, cell in
                        column == 4 && cell.contains { ("1"..."9").contains($0) } ? palette.paint(cell, .yellow) : cell
                    })
    }

    private func sum(_ count: KeyPath<Apus_V1_GetLedgerResponse.CPU, UInt64>) -> UInt64 {
        ledger.cpus.reduce(0) { $0 &+ $1[keyPath: count] }
    }

    private static func row(_ account: Apus_V1_GetLedgerResponse.Subscriber) -> [String] {
        [account.name.terminalSafe]
            + [account.offered, account.filtered, account.delivered, account.lost, account.waiting].map { "\($0)" }
    }
}

extension Apus_V1_GetLedgerResponse.Subscriber {
    fileprivate mutating func add(_ other: Self) {
        offered &+= other.offered
        filtered &+= other.filtered
        delivered &+= other.delivered
        lost &+= other.lost
        waiting &+= other.waiting
    }
}
