// SPDX-License-Identifier: Apache-2.0
import Events
import Processes
import Server

extension HealthReport {
    /// One line for people: what is watched and what was lost; in front of it, what is wrong.
    init(_ report: Writer.Report, _ accounts: [EventHub.Account], _ refusals: Refusals) {
        let now = WallClock.bootNanoseconds
        self.init(
            HealthFacts(
                sinceLastRound: .nanoseconds(now > report.lastRound ? now - report.lastRound : 0),
                attachedPrograms: report.programs.count, lastMinute: report.window.lastMinute(at: now),
                summary: Self.summary(report, accounts) + refusals.summary))
    }

    private static func summary(_ report: Writer.Report, _ accounts: [EventHub.Account]) -> String {
        let undelivered = accounts.reduce(0) { $0 + $1.lost }
        return "\(report.processes) processes, \(report.containers) container\(report.containers == 1 ? "" : "s"), "
            + "\(report.recordsReceived) records received, \(report.recordsLost) lost, "
            + "\(undelivered) events lost by slow clients"
            + (report.held > 0
                ? ", \(report.held) events waited for a hook (\(report.longestHeld.milliseconds) ms at most, "
                    + "\(report.totalHeld.milliseconds) ms together), \(report.unnamed) in vain" : "")
            + (report.recordsMalformed > 0 ? ", \(report.recordsMalformed) records malformed" : "")
            + (report.recordsLate > 0 ? ", \(report.recordsLate) records found late" : "")
            + (report.missed > 0 ? ", \(report.missed) missed by the kernel" : "")
            + (report.contradictions > 0
                ? ", \(report.contradictions) containers whose runtime contradicts their annotations" : "")
            + (report.storageFailures > 0 ? ", \(report.storageFailures) tree marks failed" : "")
            + exported(accounts)
    }

    private static func exported(_ accounts: [EventHub.Account]) -> String {
        let outcome = accounts.reduce(into: Outcome()) { $0 += $1.outcome }
        guard outcome != Outcome() else { return "" }
        return ", \(outcome.written) events exported"
            + outcome.failed.sorted { $0.key < $1.key }.map { ", \($0.value) not (\($0.key))" }.joined()
            + (outcome.withheld > 0 ? ", \(outcome.withheld) not (above the rate limit)" : "")
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
