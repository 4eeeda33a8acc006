// SPDX-License-Identifier: Apache-2.0
package import Events
internal import SwiftProtobuf
internal import TetragonAPI

/// What became of everything that the kernel's programs saw, at one moment: the sums that its parts tell of hold to the
/// last one.
package struct Ledger: Sendable, Equatable {
    /// `attempted == received + lost + unread`.
    package struct CPU: Sendable, Equatable {
        package var number: UInt32
        /// Records that its programs had to send.
        package var attempted: UInt64
        package var received: UInt64
        /// The ring had no room for them.
        package var lost: UInt64

        package var unread: UInt64 { attempted &- received &- lost }

        package init(number: UInt32, attempted: UInt64, received: UInt64, lost: UInt64) {
            self.number = number
            self.attempted = attempted
            self.received = received
            self.lost = lost
        }
    }

    /// Received, by kind: together what all CPUs' come to.
    package struct Records: Sendable, Equatable {
        package var exec: UInt64 = 0
        package var arguments: UInt64 = 0
        package var fork: UInt64 = 0
        package var exit: UInt64 = 0
        package var cgroup: UInt64 = 0
        package var malformed: UInt64 = 0

        package init() {}
    }

    /// `records.exec + records.exit + found == exec + exit + repeatedExit + waiting`.
    package struct Events: Sendable, Equatable {
        package var exec: UInt64 = 0
        package var exit: UInt64 = 0
        package var test: UInt64 = 0
        /// Processes that were there before the agent, each with an exec event and without a record.
        package var found: UInt64 = 0
        /// Exit records of processes whose exit had been told.
        package var repeatedExit: UInt64 = 0
        /// Not made yet: their container, or the rest of their arguments, is waited for.
        package var waiting: UInt64 = 0

        package init() {}
    }

    package var cpus: [CPU] = []
    /// Events that the kernel kept from the programs because one was running already.
    package var missed: UInt64 = 0
    package var records = Records()
    package var events = Events()
    /// In the order in which they came; the last one is all who have left.
    package var accounts: [EventHub.Account] = []

    package init() {}
}

extension Ledger {
    var response: Apus_V1_GetLedgerResponse {
        .with {
            $0.cpus = cpus.map { cpu in
                .with {
                    $0.cpu = cpu.number
                    $0.attempted = cpu.attempted
                    $0.received = cpu.received
                    $0.lost = cpu.lost
                    $0.unread = cpu.unread
                }
            }
            $0.missed = missed
            $0.records.exec = records.exec
            $0.records.arguments = records.arguments
            $0.records.fork = records.fork
            $0.records.exit = records.exit
            $0.records.cgroup = records.cgroup
            $0.records.malformed = records.malformed
            $0.events.exec = events.exec
            $0.events.exit = events.exit
            $0.events.test = events.test
            $0.events.found = events.found
            $0.events.repeatedExit = events.repeatedExit
            $0.events.waiting = events.waiting
            $0.subscribers = accounts.dropLast().map(\.message)
            if let departed = accounts.last { $0.departed = departed.message }
        }
    }
}

extension EventHub.Account {
    fileprivate var message: Apus_V1_GetLedgerResponse.Subscriber {
        .with {
            $0.name = name
            $0.offered = offered
            $0.filtered = filtered
            $0.delivered = delivered
            $0.lost = lost
            $0.waiting = waiting
        }
    }
}
