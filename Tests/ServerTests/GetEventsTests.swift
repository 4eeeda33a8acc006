// SPDX-License-Identifier: Apache-2.0
import Events
import GRPCCore
import Server
import SwiftProtobuf
import Synchronization
import Testing
import TetragonAPI

@Suite struct GetEventsTests {
    /// The pids of the first `count` events; `onHeaders` runs when the headers are there.
    private func pids(
        _ server: RunningServer, _ request: Tetragon_GetEventsRequest = .init(), count: Int,
        onHeaders: @Sendable @escaping () throws -> Void
    ) async throws -> [UInt32] {
        try await server.withClient { client in
            try await client.getEvents(request) { response in
                _ = try response.accepted.get()
                try onHeaders()
                var pids: [UInt32] = []
                for try await message in response.messages {
                    pids.append(message.processPid)
                    if pids.count == count { break }
                }
                return pids
            }
        }
    }

    @Test func headersLeaveBeforeTheFirstEventAndNothingAfterThemIsMissed() async throws {
        try await RunningServer.with { server in
            let pids = try await pids(server, count: 3) {
                // Nothing was published so far: that we are here means that headers do not wait for an event.
                server.hub.publish(try [1, 2, 3].map { try sampleEvent(pid: $0) })
            }
            #expect(pids == [1, 2, 3])
        }
    }

    @Test func twoClientsSeeTheSameEventsInTheSameOrder() async throws {
        try await RunningServer.with { server in
            let subscribed = Mutex(0)
            let onHeaders: @Sendable () throws -> Void = {
                let both = subscribed.withLock { count in
                    count += 1
                    return count == 2
                }
                if both { for pid in 1...500 { server.hub.publish([try sampleEvent(pid: UInt32(pid))]) } }
            }
            async let first = pids(server, count: 500, onHeaders: onHeaders)
            async let second = pids(server, count: 500, onHeaders: onHeaders)
            let (left, right) = try await (first, second)
            #expect(left == Array(1...500))
            #expect(left == right)
        }
    }

    @Test func slowClientLosesItsOwnEventsAndTheyAreCounted() async throws {
        try await RunningServer.with(eventQueueSize: 100) { server in
            // 60 batches of 1 MB are far more than all buffers between the hub and a client hold.
            let batch = 50
            let total = 60 * batch
            let publish: @Sendable (Int) throws -> Void = { first in
                let events = try (first..<first + batch).map { try sampleEvent(pid: UInt32($0), padding: 20_000) }
                server.hub.publish(events)
            }
            try await server.withClient { slow in
                try await slow.getEvents(.init()) { stuck in
                    // Takes the headers, and never a message.
                    _ = try stuck.accepted.get()
                    let received = try await server.withClient { quick in
                        try await quick.getEvents(.init()) { response in
                            try publish(0)
                            var received = 0
                            for try await message in response.messages {
                                #expect(message.processPid == UInt32(received))
                                received += 1
                                if received == total { break }
                                if received.isMultiple(of: batch) { try publish(received) }
                            }
                            return received
                        }
                    }
                    #expect(received == total)
                    let losers = server.hub.accounts.filter { $0.lost > 0 }
                    #expect(losers.count == 1)
                    #expect(losers.allSatisfy { $0.lost + $0.delivered + 100 == UInt64(total) })
                }
            }
        }
    }

    @Test func clientThatLeavesLeavesNoSubscriptionBehind() async throws {
        try await RunningServer.with { server in
            try await server.withClient { client in
                let call = Task {
                    try await client.getEvents(.init()) { response in
                        for try await _ in response.messages {}
                    }
                }
                let subscribed = try await eventually { server.hub.accounts.count == 2 }
                #expect(subscribed)
                call.cancel()
                _ = await call.result
            }
            // Idle as it was: no event had to come for the server to notice.
            let ended = try await eventually { server.hub.accounts.count == 1 }
            #expect(ended)
        }
    }

    /// "pid×count" of what comes until the stream ends.
    private func aggregates(
        _ server: RunningServer, window: Duration, count: Int = .max,
        then body: @Sendable @escaping () async throws -> Void
    ) async throws -> [String] {
        let request = Tetragon_GetEventsRequest.with {
            $0.aggregationOptions.windowSize = .init(rounding: window)
            $0.options.aggregateProcesses = true
        }
        return try await server.withClient { client in
            try await client.getEvents(request) { response in
                _ = try response.accepted.get()
                async let publishing: Void = body()
                var seen: [String] = []
                do {
                    for try await message in response.messages {
                        seen.append("\(message.processPid)×\(message.aggregationInfo.count)")
                        if seen.count == count { break }
                    }
                } catch let error as RPCError where error.code == .unavailable {}
                try await publishing
                return seen
            }
        }
    }

    @Test("aggregated events come when their window is over, without another event to bring them")
    func aggregation() async throws {
        try await RunningServer.with { server in
            let start = ContinuousClock.now
            let seen = try await aggregates(server, window: .milliseconds(300), count: 3) {
                server.hub.publish(try (1...3).map { try sampleEvent(pid: $0) })
                server.hub.publish([try sampleEvent(.processExit, pid: 4), try sampleEvent(.test, pid: 5)])
            }
            // The test event has no pid, and does not wait.
            #expect(seen == ["0×0", "1×3", "4×0"])
            #expect(start.duration(to: .now) >= .milliseconds(300))
        }
    }

    @Test("what waits is sent at the stream's end")
    func aggregationEnds() async throws {
        try await RunningServer.with { server in
            let seen = try await aggregates(server, window: .seconds(3600)) {
                server.hub.publish(try (1...3).map { try sampleEvent(pid: $0) })
                server.hub.close()
            }
            #expect(seen == ["1×3"])
        }
    }

    @Test("an aggregating client that leaves leaves no subscription behind")
    func aggregationCancelled() async throws {
        try await RunningServer.with { server in
            let call = Task {
                try await aggregates(server, window: .seconds(3600)) {
                    server.hub.publish([try sampleEvent(pid: 1)])
                    try await Task.sleep(for: .seconds(60))
                }
            }
            let isTaken = try await eventually { server.hub.accounts.contains { $0.delivered == 1 } }
            #expect(isTaken)
            call.cancel()
            _ = await call.result
            let ended = try await eventually { server.hub.accounts.count == 1 }
            #expect(ended)
        }
    }

    @Test("a queue of one's own is full sooner, and what finds no room is told")
    func ownQueue() async throws {
        try await RunningServer.with { server in
            let request = Tetragon_GetEventsRequest.with {
                $0.aggregationOptions.channelBufferSize = 2
                $0.options.loss = true
            }
            let (pids, lost) = try await server.withClient { client in
                try await client.getEvents(request) { response in
                    _ = try response.accepted.get()
                    server.hub.publish(try (1...9).map { try sampleEvent(pid: $0) })
                    var pids: [UInt32] = []
                    for try await message in response.messages {
                        if case .loss(let loss) = message.event { return (pids, loss.gaps) }
                        pids.append(message.processPid)
                    }
                    return (pids, [])
                }
            }
            #expect(pids == [1, 2])
            #expect(lost.map(\.cause) == [.slowClient] && lost.map(\.count) == [7])
        }
    }

    @Test("who asks for neither losses nor rate limits is told of processes alone")
    func notices() async throws {
        try await RunningServer.with { server in
            let named = Tetragon_GetEventsRequest.with {
                $0.allowList = [.with { $0.eventSet = [.processExec, .rateLimitInfo] }]
            }
            for (request, expected) in [(Tetragon_GetEventsRequest(), [UInt32(1)]), (named, [0, 1])] {
                let pids = try await pids(server, request, count: expected.count) {
                    server.hub.publish(Loss([.init(.ringFull, cpu: 0, count: 3)]))
                    server.hub.tell(EventEncoder(node: "n", cluster: "").rateLimitInfo(dropped: 3, time: 0))
                    server.hub.publish([try sampleEvent(pid: 1)])
                }
                #expect(pids == expected)
            }
        }
    }

    @Test func headersWaitUntilTheAgentIsReady() async throws {
        try await RunningServer.with(ready: false) { server in
            let opened = Atomic(false)
            async let result = pids(server, count: 1) {
                let isOpen = opened.load(ordering: .sequentiallyConsistent)
                #expect(isOpen)
                server.hub.publish([try sampleEvent(pid: 7)])
            }
            try await Task.sleep(for: .milliseconds(200))
            #expect(server.hub.accounts.count == 1)
            opened.store(true, ordering: .sequentiallyConsistent)
            server.ready.open()
            let pids = try await result
            #expect(pids == [7])
        }
    }

    @Test func clientThatLeavesBeforeTheAgentIsReadyIsLetGo() async throws {
        try await RunningServer.with(ready: false) { server in
            try await server.withClient { client in
                _ = await #expect(throws: RPCError.self) {
                    var options = CallOptions.defaults
                    options.timeout = .milliseconds(200)
                    try await client.getEvents(.init(), options: options) { response in
                        _ = try response.accepted.get()
                    }
                }
            }
        }
    }

    @Test func streamEndsAsUnavailableWhenTheHubCloses() async throws {
        try await RunningServer.with { server in
            let error = await #expect(throws: RPCError.self) {
                _ = try await pids(server, count: 2) {
                    server.hub.publish([try sampleEvent(pid: 1)])
                    server.hub.close()
                }
            }
            #expect(error?.code == .unavailable)
        }
    }
}
