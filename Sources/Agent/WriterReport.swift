// SPDX-License-Identifier: Apache-2.0
import Metrics
import Policies
import PolicyEngine
import Processes
import Server

extension Writer {
    /// What the writer knows, for those who ask; renewed as it works.
    struct Report: Sendable {
        var recordsReceived: UInt64 = 0
        /// Numbered by their CPU and not received, or counted by it as finding no room: whichever is more.
        var recordsLost: UInt64 = 0
        var recordsMalformed: UInt64 = 0
        /// Records found only when the reader's longest sleep ended: a wake-up was lost.
        var recordsLate: UInt64 = 0
        /// Events that the kernel kept from our programs because one was running already.
        var missed: UInt64 = 0
        /// Task storage that could not be had: in_init_tree may be false where it should be true.
        var storageFailures: UInt64 = 0
        /// Processes whose environment is wanted and not or not wholly told.
        var environmentsCut: UInt64 = 0
        /// Events that waited until it was known whose container they are of, and those that left without.
        var held: UInt64 = 0
        var unnamed: UInt64 = 0
        /// How long those waited: the longest, and all together.
        var longestHeld: Duration = .zero
        var totalHeld: Duration = .zero
        var processes = 0
        var containers = 0
        /// Containers of which their runtime's records say something else than their annotations.
        var contradictions: UInt64 = 0
        var events = EventCounts()
        /// The base sensors' programs that are attached.
        var programs: [String] = []
        /// Files that were mapped to be run, and of which no event tells.
        var loadLosses = LoadLosses()
        var window = RecordWindow()
        /// When it was last renewed and the thread last came round, ns of CLOCK_BOOTTIME.
        var lastRound: UInt64 = 0
    }

    /// Events that were made.
    struct EventCounts: Sendable {
        /// By the origin's raw value.
        var execs = [UInt64](repeating: 0, count: ExecOrigin.Kind.allCases.count)
        var exits: UInt64 = 0
        var tests: UInt64 = 0
        /// By the policy that they come from, of the first so many; the others together.
        private(set) var policies: [PolicyKey: UInt64] = [:]
        private(set) var otherPolicies: UInt64 = 0
        var loaders: UInt64 = 0
        var throttles: UInt64 = 0
        /// Stacks for which nobody had the time to find names.
        var unnamedStacks: UInt64 = 0

        var ofPolicies: UInt64 { policies.values.reduce(otherPolicies, &+) }

        mutating func count(_ event: ProcessEvent) {
            switch event.kind {
            case .exec: execs[Int(event.process.origin.kind.rawValue)] += 1
            case .exit: exits += 1
            case .test: tests += 1
            case .policy(let hit): count(PolicyKey(name: hit.hook.policy, namespace: hit.hook.namespace))
            case .loader: loaders += 1
            }
        }

        private mutating func count(_ policy: PolicyKey) {
            if policies[policy] != nil || policies.count < Catalogue.mostPolicies {
                policies[policy, default: 0] += 1
            } else {
                otherPolicies += 1
            }
        }
    }
}
