// SPDX-License-Identifier: Apache-2.0
import Foundation
import GRPCCore
import SwiftProtobuf
import Synchronization
import Testing
import TetragonAPI

extension SystemTests {
    /// A cgroup that has more events than it may.
    @Suite struct ThrottleTests {
        @Test("a container above the rate is told once, at its beginning and its end, and the ledger balances")
        func container() async throws {
            try await AgentProcess.with(["--cgroup-rate", "30,10s"]) { agent in
                let told = Told()
                let client = Task {
                    try await agent.withClient { client in
                        let request = Tetragon_GetEventsRequest.with {
                            $0.allowList = [.with { $0.eventSet = [.processThrottle, .processExec, .processExit] }]
                        }
                        try await client.getEvents(request) { response in
                            told.isReady.withLock { $0 = true }
                            for try await event in response.messages { told.events.withLock { $0.append(event) } }
                        }
                    }
                }
                defer { client.cancel() }
                try await eventually("the client to listen") { told.isReady.withLock { $0 } }

                var setup = ContainerSetup()
                setup.command = ["/bin/sh", "-c", "for i in $(seq 300); do /bin/true; done"]
                let id = setup.id
                try await RuncContainer.runToEnd(agent, setup)
                try await eventually("the limit to be over", within: .seconds(60)) {
                    told.throttles(of: id).count == 2
                }
                #expect(told.throttles(of: id) == [.throttleStart, .throttleStop])

                // 300 programs on at most all CPUs; in a window and what reaches into it from the one before.
                let own = told.events.withLock { events in
                    events.count { event in
                        switch event.event {
                        case .processExec(let exec): exec.process.container.id == id
                        case .processExit(let exit): exit.process.container.id == id
                        default: false
                        }
                    }
                }
                let processors = ProcessInfo.processInfo.processorCount
                #expect(own > 0 && own <= 3 * 30 * processors)

                let ledger = try await agent.withConnection {
                    try await Apus_V1_Node.Client(wrapping: $0).getLedger(.init())
                }
                #expect(ledger.imbalances.isEmpty)
                #expect(ledger.events.throttled >= 600 - UInt64(own) && ledger.events.throttle >= 2)
            }
        }

        /// What the client has had.
        private final class Told: Sendable {
            let isReady = Mutex(false)
            let events = Mutex<[Tetragon_GetEventsResponse]>([])

            func throttles(of container: String) -> [Tetragon_ThrottleType] {
                events.withLock { events in
                    events.compactMap { event in
                        guard case .processThrottle(let throttle) = event.event,
                            throttle.cgroup.contains(container)
                        else { return nil }
                        return throttle.type
                    }
                }
            }
        }
    }
}
