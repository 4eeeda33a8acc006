// SPDX-License-Identifier: Apache-2.0

/// How many log lines one cause can make, whoever brings it about: some at once, then one after each interval. What is
/// left out is counted, and the next line that may be written tells.
package struct LineAllowance: Sendable {
    private struct Account {
        /// Nanoseconds that lines may be written for; each takes an interval's.
        var credit: UInt64
        var lastTime: UInt64
        var unwritten: UInt64 = 0
    }

    private let interval: UInt64
    private let fullCredit: UInt64
    private let mostCauses: Int
    private var accounts: [String: Account] = [:]
    /// Of all causes beyond the bound together.
    private var others: Account?
    private var lastSweep: UInt64 = 0

    /// - Parameters:
    ///   - interval: nanoseconds between two lines of a cause in the long run, 1 ms to an hour.
    ///   - burst: lines at once, 1 to 1,000.
    ///   - mostCauses: causes that are told apart at a time; those beyond share what one has.
    package init(every interval: UInt64, burst: UInt64 = 1, mostCauses: Int = 1) {
        self.interval = min(max(interval, 1_000_000), 3_600_000_000_000)
        fullCredit = min(max(burst, 1), 1000) * self.interval
        self.mostCauses = mostCauses
    }

    /// A line a minute: a full disk is one fact, not one for every event.
    package static func onceAMinute(mostCauses: Int = 1) -> LineAllowance {
        LineAllowance(every: 60_000_000_000, mostCauses: mostCauses)
    }

    /// - Parameters:
    ///   - cause: whose line it is; where there is but one it has no name.
    ///   - now: nanoseconds of a clock that does not go back.
    /// - Returns: nil if this line must not be written, else the number of those left out since the last.
    package mutating func take(_ cause: String = "", now: UInt64) -> UInt64? {
        if accounts[cause] == nil, accounts.count >= mostCauses { sweep(now) }
        if accounts[cause] != nil || accounts.count < mostCauses {
            return take(&accounts[cause, default: Account(credit: fullCredit, lastTime: now)], now)
        }
        var shared = others ?? Account(credit: fullCredit, lastTime: now)
        defer { others = shared }
        return take(&shared, now)
    }

    /// The next line is written: things have changed.
    package mutating func reset(_ cause: String = "") { accounts[cause] = nil }

    private func take(_ account: inout Account, _ now: UInt64) -> UInt64? {
        refill(&account, now)
        guard account.credit >= interval else {
            account.unwritten &+= 1
            return nil
        }
        account.credit -= interval
        defer { account.unwritten = 0 }
        return account.unwritten
    }

    private func refill(_ account: inout Account, _ now: UInt64) {
        // More time than fills it is as good as that: nothing overflows.
        account.credit = min(account.credit + min(now &- account.lastTime, fullCredit), fullCredit)
        account.lastTime = now
    }

    /// Forgets causes of which there is nothing to remember. Many may come at once, and it looks at all.
    private mutating func sweep(_ now: UInt64) {
        guard now &- lastSweep >= interval else { return }
        lastSweep = now
        accounts = accounts.filter { _, account in
            var account = account
            refill(&account, now)
            return account.credit < fullCredit || account.unwritten > 0
        }
    }
}
