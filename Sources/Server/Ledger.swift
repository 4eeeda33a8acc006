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
        /// Hits of policies' hooks and returns from them, and what follows those of long values.
        package var policy: UInt64 = 0
        package var policyData: UInt64 = 0

        package init() {}
    }

    /// `records.exec + records.exit + records.policy + found == exec + exit + policy + repeatedExit + joined + unwanted +
    /// unknownPolicy + throttled + waiting`.
    package struct Events: Sendable, Equatable {
        package var exec: UInt64 = 0
        package var exit: UInt64 = 0
        package var test: UInt64 = 0
        /// Processes that were there before the agent, each with an exec event and without a record.
        package var found: UInt64 = 0
        /// Exit records of processes whose exit had been told.
        package var repeatedExit: UInt64 = 0
        /// Not made yet: their container, the rest of their arguments, the return of the call or the names of a stack are
        /// waited for.
        package var waiting: UInt64 = 0
        /// Of policies.
        package var policy: UInt64 = 0
        /// Records of returns that are told by the event of the call; of calls that the policy does not want for what they
        /// returned; of policies that had been deleted.
        package var joined: UInt64 = 0
        package var unwanted: UInt64 = 0
        package var unknownPolicy: UInt64 = 0
        /// Left out by the rate limit of their cgroup.
        package var throttled: UInt64 = 0
        /// Calls told without what they returned, among `policy`.
        package var unreturned: UInt64 = 0
        /// Told beside these: process_throttle, process_loader.
        package var throttle: UInt64 = 0
        package var loader: UInt64 = 0

        package init() {}

        /// All that subscribers were offered.
        package var told: UInt64 { exec + exit + test + policy + throttle + loader }
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
            $0.records.policy = records.policy
            $0.records.policyData = records.policyData
            $0.events.exec = events.exec
            $0.events.exit = events.exit
            $0.events.test = events.test
            $0.events.found = events.found
            $0.events.repeatedExit = events.repeatedExit
            $0.events.waiting = events.waiting
            $0.events.policy = events.policy
            $0.events.joined = events.joined
            $0.events.unwanted = events.unwanted
            $0.events.unknownPolicy = events.unknownPolicy
            $0.events.throttled = events.throttled
            $0.events.unreturned = events.unreturned
            $0.events.throttle = events.throttle
            $0.events.loader = events.loader
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
