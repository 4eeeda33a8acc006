// SPDX-License-Identifier: Apache-2.0
import CRecords
import Events
import Processes
import Server

/// What the kernel's programs have counted themselves, when they were last asked.
struct KernelCounts: Sendable {
    /// Records that each CPU had to send, and of those the ones that found no room.
    var attemptedByCPU: [UInt64] = []
    var noRoomByCPU: [UInt64] = []
    var storageFailures: UInt64 = 0
    /// Events that the kernel kept from the programs because one was running already.
    var missed: UInt64 = 0

    init() {}

    /// - Parameter statistics: of each CPU.
    init(_ statistics: [rec_stats], missed: UInt64) {
        attemptedByCPU = statistics.map(\.seq)
        noRoomByCPU = statistics.map { $0.counters.0 + $0.counters.1 }
        storageFailures = statistics.reduce(0) { $0 + $1.counters.2 }
        self.missed = missed
    }
}

extension Ledger {
    /// What has become of everything, by those who count: the programs, the process table, the writer, the hub.
    /// - Parameter naming: events whose stacks wait for names.
    init(
        _ kernel: KernelCounts, _ tracker: ProcessTracker, _ made: Writer.EventCounts, naming: Int,
        accounts: [EventHub.Account]
    ) {
        self.init()
        let (received, counters) = (tracker.ledger.receivedByCPU, tracker.counters)
        for cpu in 0..<max(received.count, kernel.attemptedByCPU.count) {
            let read = cpu < received.count ? received[cpu] : 0
            let lost = cpu < kernel.noRoomByCPU.count ? kernel.noRoomByCPU[cpu] : 0
            // The kernel counts on while its counters are read.
            let attempted = max(cpu < kernel.attemptedByCPU.count ? kernel.attemptedByCPU[cpu] : 0, read + lost)
            guard attempted > 0 else { continue }
            cpus.append(.init(number: UInt32(cpu), attempted: attempted, received: read, lost: lost))
        }
        missed = kernel.missed
        records.exec = counters.execs + UInt64(tracker.pendingExecs)
        records.arguments = counters.arguments
        records.fork = counters.forks
        records.exit = counters.exits + counters.unknownExits + counters.repeatedExits
        records.cgroup = counters.cgroups
        records.policy = counters.policies
        records.policyData = counters.policyData
        records.malformed = tracker.ledger.malformed - tracker.ledger.malformedUnnumbered
        events.exec = made.execs.reduce(0, +)
        events.exit = made.exits
        events.test = made.tests
        events.found = counters.found
        events.repeatedExit = counters.repeatedExits
        events.policy = made.ofPolicies
        events.joined = counters.joined
        events.unwanted = counters.unwanted
        events.unknownPolicy = counters.unknownPolicies
        events.throttled = counters.throttled
        events.unreturned = counters.unreturned
        events.throttle = made.throttles
        events.loader = made.loaders
        events.waiting = UInt64(tracker.heldEvents + tracker.pendingExecs + tracker.pendingCalls + naming)
        self.accounts = accounts
    }
}
