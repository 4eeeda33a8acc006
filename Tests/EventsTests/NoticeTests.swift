// SPDX-License-Identifier: Apache-2.0
import GRPCNIOTransportHTTP2Posix
import Processes
import SwiftProtobuf
import Testing
import TetragonAPI

@testable import Events

/// Who is told of what no process stands behind.
@Suite struct NoticeTests {
    private let hub = EventHub()
    private let encoder = EventEncoder(node: "node", cluster: "")

    private func subscribe(_ filter: EventFilter, capacity: Int = 10) -> Subscription {
        hub.subscribe(
            name: "s", format: .protobuf, capacity: capacity,
            notices: filter.names(.rateLimitInfo) ? [.rateLimitInfo] : [], accepts: filter.predicate)
    }

    private func read(_ subscription: Subscription) async -> [EventKind] {
        hub.close()
        return await subscription.next(upTo: 10)?.map(\.kind) ?? []
    }

    private func tell() {
        hub.tell(encoder.rateLimitInfo(dropped: 5, time: 0))
        hub.publish { _ in [FilterSample.event()] }
    }

    @Test(
        "a rate limit is told to requests that name it, and to no others",
        arguments: [
            ([], false), (["{}"], false), ([#"{"event_set": ["PROCESS_EXEC"]}"#], false),
            ([#"{"event_set": ["PROCESS_EXEC", "RATE_LIMIT_INFO"]}"#], true),
            ([#"{"event_set": ["PROCESS_EXEC"]}"#, #"{"event_set": ["RATE_LIMIT_INFO"]}"#], true),
            // Nothing without a process has a pid.
            ([#"{}"#, #"{"event_set": ["RATE_LIMIT_INFO"], "pid": [1]}"#], true),
            ([#"{"event_set": ["PROCESS_EXEC"]}"#, #"{"event_set": ["RATE_LIMIT_INFO"], "pid": [1]}"#], false),
        ])
    func naming(_ filters: [String], isTold: Bool) async throws {
        let subscription = subscribe(try EventFilter(allow: filters.map { try FilterSample.filter($0) }))
        tell()
        #expect(await read(subscription) == (isTold ? [.rateLimitInfo, .processExec] : [.processExec]))
    }

    @Test("who names it and denies it is not told")
    func denied() async throws {
        let named = try FilterSample.filter(#"{"event_set": ["PROCESS_EXEC", "RATE_LIMIT_INFO"]}"#)
        let denied = try FilterSample.filter(#"{"event_set": ["RATE_LIMIT_INFO"]}"#)
        let subscription = subscribe(try EventFilter(allow: [named], deny: [denied]))
        tell()
        #expect(await read(subscription) == [.processExec])
    }

    @Test("it is told once, also where nothing happens, and only to those who listen by then")
    func once() async throws {
        let filter = try EventFilter(allow: [.with { $0.eventSet = [.rateLimitInfo] }])
        hub.tell(encoder.rateLimitInfo(dropped: 1, time: 0))
        hub.deliver(everything: true)
        let subscription = subscribe(filter)
        hub.deliver(everything: true)
        hub.tell(encoder.rateLimitInfo(dropped: 2, time: 0))
        hub.deliver(everything: false)
        hub.deliver(everything: true)
        let told = await subscription.next(upTo: 10) ?? []
        #expect(told.count == 1 && subscription.delivered == 1)
        let message = try #require(told.first).message.withUnsafeBytes { Array($0) }
        #expect(
            try Tetragon_GetEventsResponse(serializedBytes: message).rateLimitInfo.numberOfDroppedProcessEvents == 2)
    }

    @Test("a full queue loses it like any other event, counted")
    func full() async throws {
        let filter = try EventFilter(allow: [.with { $0.eventSet = [.processExec, .rateLimitInfo] }])
        let subscription = subscribe(filter, capacity: 1)
        hub.publish { _ in [FilterSample.event()] }
        hub.tell(encoder.rateLimitInfo(dropped: 1, time: 0))
        hub.deliver(everything: true)
        #expect(await read(subscription) == [.processExec])
        #expect(subscription.lost == 1)
    }

    // MARK: A reader with something else to do

    @Test("a reader comes back at its deadline without events, and before it with some")
    func deadline() async throws {
        let subscription = hub.subscribe(name: "s", format: .protobuf, capacity: 10)
        let start = ContinuousClock.now
        let soon = WallClock.bootNanoseconds + 20_000_000
        #expect(await subscription.next(upTo: 10, until: soon)?.isEmpty == true)
        #expect(start.duration(to: .now) >= .milliseconds(20))
        // One that is past, too.
        #expect(await subscription.next(upTo: 10, until: 1)?.isEmpty == true)
        hub.publish { _ in [FilterSample.event()] }
        hub.deliver(everything: true)
        #expect(await subscription.next(upTo: 10, until: soon + 3_600_000_000_000)?.count == 1)
    }

    @Test("who is called while it does not wait comes back from its next wait, once")
    func calledBefore() async {
        let subscription = hub.subscribe(name: "s", format: .protobuf, capacity: 10)
        subscription.call()
        #expect(await subscription.next(upTo: 10)?.isEmpty == true)
        subscription.call()
        hub.publish { _ in [FilterSample.event()] }
        hub.deliver(everything: true)
        #expect(await subscription.next(upTo: 10)?.count == 1)
        #expect(await subscription.next(upTo: 10)?.isEmpty == true)
        hub.close()
        subscription.call()
        #expect(await subscription.next(upTo: 10) == nil)
    }
}
