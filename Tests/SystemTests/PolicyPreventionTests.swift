// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// Each policy of policies/ for LSM hooks sees what it is for, and nothing else, and prevents it where it is to.
    ///
    /// All of them hold at once, first as they are, then enforced, and one container does the deeds of many: in a guest
    /// programs and containers take long to load and to start.
    @Suite(.sharedAgent, .needsSecurityHooks) struct PolicyPreventionTests {
        @Test("a deed is seen at its LSM hook, and once it is prevented fails with EPERM; its neighbour is let be")
        func deeds() async throws {
            let policies = LibraryPolicy.ofSecurityHooks
            let clock = ContinuousClock()
            let loading = try await clock.measure {
                for policy in policies { try await agent().add(policy.text) }
            }
            let acting = try await clock.measure {
                try await EventStream.with(agent()) { events in
                    try await inContainers { try await expectSeen($1, in: $0, events) }
                    for policy in policies { try await agent().enforce(policy.name) }
                    try await inContainers { try await expectPrevented($1, in: $0, events) }
                }
            }
            report("\(policies.count) policies load in \(loading), deeds take \(acting)")
        }

        // MARK: -

        private func expectSeen(
            _ policies: [LibraryPolicy], in container: RuncContainer, _ events: EventStream
        ) async throws {
            for outcome in try await outcomes(of: policies, in: container, events) {
                outcome.expectNothingElse()
                for (deed, status) in outcome.neighbours + outcome.deeds { deed.expectUnhindered(status) }
                for (deed, _) in outcome.deeds { try outcome.expectHit(of: deed) }
            }
        }

        private func expectPrevented(
            _ policies: [LibraryPolicy], in container: RuncContainer, _ events: EventStream
        ) async throws {
            for outcome in try await outcomes(of: policies, in: container, events) {
                outcome.expectNothingElse()
                for (deed, status) in outcome.neighbours { deed.expectUnhindered(status) }
                for (deed, status) in outcome.deeds {
                    // Else it shows nothing.
                    try #require(!deed.statuses.contains(EPERM), "\(deed)")
                    #expect(status == EPERM, "\(deed)")
                    try outcome.expectHit(of: deed)
                }
            }
        }

        /// A container for the deeds that take power over the machine, with which others mean nothing, and another.
        private func inContainers(_ body: (RuncContainer, [LibraryPolicy]) async throws -> Void) async throws {
            let isPowerful = { (policy: LibraryPolicy) in
                !Set(policy.capabilities).isDisjoint(with: ["CAP_SYS_ADMIN", "CAP_SYS_MODULE"])
            }
            let all = LibraryPolicy.ofSecurityHooks
            for policies in [all.filter(isPowerful), all.filter { !isPowerful($0) }] {
                var setup = policies[0].container
                setup.capabilities = policies.flatMap(\.capabilities)
                try await RuncContainer.with(agent(), setup) { try await body($0, policies) }
            }
        }

        private func outcomes(
            of policies: [LibraryPolicy], in container: RuncContainer, _ events: EventStream
        ) async throws -> [PolicyOutcome] {
            try await container.exec("/bin/sh", "-c", LibraryPolicy.preparation)
            let deeds = policies.flatMap { $0.neighbours + $0.deeds }
            var statuses = try await Deed.statuses(of: deeds, in: container)[...]
            try await events.settle()
            return policies.map { policy in
                let (ofNeighbours, ofDeeds) = (
                    Array(statuses.prefix(policy.neighbours.count)),
                    Array(statuses.dropFirst(policy.neighbours.count).prefix(policy.deeds.count))
                )
                statuses = statuses.dropFirst(policy.neighbours.count + policy.deeds.count)
                return PolicyOutcome(
                    neighbours: Array(zip(policy.neighbours, ofNeighbours)), deeds: Array(zip(policy.deeds, ofDeeds)),
                    hits: events.hits(of: policy.name, in: container), pod: container.setup.pod.name)
            }
        }
    }
}

/// What became of a policy's deeds and of their neighbours in a container, and what it told.
private struct PolicyOutcome {
    let neighbours: [(Deed, Int32)]
    let deeds: [(Deed, Int32)]
    let hits: [PolicyHit]
    let pod: String

    /// Neither of neighbours, nor of what other policies are for, nor of the container's start.
    func expectNothingElse() {
        let others = hits.filter { hit in !deeds.contains { $0.0.isActor(of: hit) } }
        #expect(others.isEmpty, "\(others)")
    }

    func expectHit(of deed: Deed) throws {
        let ofDeed = hits.filter(deed.isActor)
        let hit = try #require(ofDeed.first(where: deed.isSeen), "no event of \(deed): \(ofDeed)")
        // Done, or what would have been done.
        #expect(hit.action == .override, "\(hit)")
        #expect(!hit.message.isEmpty && !hit.tags.isEmpty)
        #expect(hit.process.hasInInitTree && !hit.process.inInitTree.value)
        #expect(hit.process.pod.name == pod)
    }
}
