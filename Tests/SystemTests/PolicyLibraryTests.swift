// SPDX-License-Identifier: Apache-2.0
import Foundation
import SwiftProtobuf
import Testing
import TetragonAPI

extension SystemTests {
    /// Each policy of policies/ for system calls sees what it is for, and nothing else; and kills where it is told to.
    @Suite(.sharedAgent) struct PolicyLibraryTests {
        @Test("every policy of policies/ is tested here")
        func completeness() throws {
            let files = try FileManager.default.contentsOfDirectory(atPath: Artifacts.policy())
                .filter { $0.hasSuffix(".yaml") }
            let tested = (LibraryPolicy.ofSystemCalls + LibraryPolicy.ofSecurityHooks).map { $0.name + ".yaml" }
            #expect(files.sorted() == tested.sorted())
        }

        @Test(
            "without a policy, deeds and neighbours go as the container lets them",
            arguments: LibraryPolicy.ofSystemCalls)
        func deedsAreReal(_ policy: LibraryPolicy) async throws {
            try await inContainer(policy) { container in
                for deed in policy.neighbours + policy.deeds { try await deed.expectUnhindered(in: container) }
            }
        }

        @Test("a deed is seen at its system call, its neighbour is not", arguments: LibraryPolicy.ofSystemCalls)
        func systemCallIsSeen(_ policy: LibraryPolicy) async throws {
            try await agent().withPolicy(policy.name, policy.text) {
                try await expectSeen(policy)
            }
        }

        @Test("who does the deed is killed, who does its neighbour is not", arguments: LibraryPolicy.ofSystemCalls)
        func systemCallIsDeadly(_ policy: LibraryPolicy) async throws {
            try await agent().withPolicy(policy.name, policy.killing) {
                try await expectKilled(policy)
            }
        }

        @Test("what the container does by itself is told from what was brought into it")
        func originIsTold() async throws {
            let policy = try #require(LibraryPolicy.ofSystemCalls.first { $0.name == "written-binaries" })
            var setup = policy.container
            setup.command = ["/bin/sh", "-c", "/deed write /bin/own; exec /bin/sleep 1000"]
            try await agent().withPolicy(policy.name, policy.text) {
                try await EventStream.with(agent()) { events in
                    try await RuncContainer.with(agent(), setup) { container in
                        try await container.exec("/deed", "write", "/bin/brought")
                        try await events.settle()
                        let hits = events.hits(of: policy.name, in: container)
                        for (file, isOwn) in [("/bin/own", true), ("/bin/brought", false)] {
                            let hit = try #require(
                                hits.first { $0.isOf("openat", showing: file) }, "no event of \(file): \(hits)")
                            #expect(hit.process.inInitTree.value == isOwn, "\(hit)")
                        }
                    }
                }
            }
        }

        // MARK: -

        private func inContainer(_ policy: LibraryPolicy, _ body: (RuncContainer) async throws -> Void) async throws {
            try await RuncContainer.with(agent(), policy.container) { container in
                try await container.exec("/bin/sh", "-c", LibraryPolicy.preparation)
                try await body(container)
            }
        }

        /// Neither the container's start nor the neighbours are told of; each deed is, and goes on.
        private func expectSeen(_ policy: LibraryPolicy) async throws {
            try await EventStream.with(agent()) { events in
                try await inContainer(policy) { container in
                    for neighbour in policy.neighbours { try await neighbour.expectUnhindered(in: container) }
                    try await expectHit(of: policy, for: nil, .post, events, in: container)
                    for deed in policy.deeds {
                        try await deed.expectUnhindered(in: container)
                        try await expectHit(of: policy, for: deed, .post, events, in: container)
                    }
                }
            }
        }

        /// The neighbours go on and are not told of; who does a deed is killed, and told of.
        private func expectKilled(_ policy: LibraryPolicy) async throws {
            try await EventStream.with(agent()) { events in
                try await inContainer(policy) { container in
                    for neighbour in policy.neighbours { try await neighbour.expectUnhindered(in: container) }
                    try await expectHit(of: policy, for: nil, .sigkill, events, in: container)
                    for deed in policy.deeds {
                        let status = try await deed.status(in: container)
                        #expect(status == 128 + SIGKILL, "\(deed)")
                        try await expectHit(of: policy, for: deed, .sigkill, events, in: container)
                    }
                }
            }
        }

        private func expectHit(
            of policy: LibraryPolicy, for deed: Deed?, _ action: Tetragon_KprobeAction, _ events: EventStream,
            in container: RuncContainer
        ) async throws {
            try await events.settle()
            let hits = events.hits(of: policy.name, in: container)
            guard let deed else {
                #expect(hits.isEmpty, "\(hits)")
                return
            }
            let hit = try #require(
                hits.first(where: deed.isSeen), "no event of \(deed): \(hits)")
            #expect(hit.action == action, "\(hit)")
            #expect(!hit.message.isEmpty && !hit.tags.isEmpty)
            #expect(hit.process.hasInInitTree && !hit.process.inInitTree.value)
            #expect(hit.process.pod.name == container.setup.pod.name)
        }
    }
}
