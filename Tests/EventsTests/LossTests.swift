// SPDX-License-Identifier: Apache-2.0
import GRPCNIOTransportHTTP2Posix
import SwiftProtobuf
import Testing
import TetragonAPI

@testable import Events

@Suite struct LossTests {
    private let hub = EventHub(encoder: EventEncoder(node: "node", cluster: ""))

    private func event(_ number: UInt64, bytes: Int = 0) -> Event {
        Event(
            kind: .processExec, time: number, process: nil, parent: nil,
            message: GRPCNIOTransportBytes([UInt8](repeating: 0, count: bytes)), json: [])
    }

    private func publish(_ numbers: ClosedRange<UInt64>) { hub.publish { _ in numbers.map { event($0) } } }

    /// The times of events, and in their places what is missing.
    private func read(_ subscription: Subscription) async throws -> [String] {
        hub.deliver(everything: true)
        return try await (subscription.next(upTo: 100) ?? []).map { event in
            guard event.kind == .loss else { return "\(event.time)" }
            let response = try Tetragon_GetEventsResponse(
                serializedBytes: event.message.withUnsafeBytes { Array($0) })
            #expect(response.nodeName == "node" && response.hasTime)
            return response.loss.gaps.map { gap in
                "\(gap.count) \(gap.cause)" + (gap.hasCpu ? " \(gap.cpu.value)" : "")
            }.joined(separator: ", ")
        }
    }

    @Test func `a slow reader finds the gap where events are missing`() async throws {
        let slow = hub.subscribe(name: "slow", format: .protobuf, capacity: 3, tellsLoss: true)
        publish(1...5)
        #expect(try await read(slow) == ["1", "2", "3"])
        publish(6...7)
        #expect(try await read(slow) == ["2 slowClient", "6", "7"])
        #expect(slow.lost == 2 && slow.delivered == 5)
    }

    @Test func `one for whom nothing more comes is told all the same`() async throws {
        let slow = hub.subscribe(name: "slow", format: .protobuf, capacity: 2, tellsLoss: true)
        publish(1...9)
        #expect(try await read(slow) == ["1", "2"])
        #expect(try await read(slow) == ["7 slowClient"])
    }

    @Test func `what the kernel lost is told once, to all who ask, before what comes next`() async throws {
        let asking = hub.subscribe(name: "asking", format: .protobuf, capacity: 10, tellsLoss: true)
        let other = hub.subscribe(name: "other", format: .protobuf, capacity: 10)
        publish(1...1)
        hub.publish(Loss([.init(.ringFull, cpu: 0, count: 3), .init(.missed, count: 1)]))
        hub.publish(Loss([.init(.ringFull, cpu: 0, count: 4), .init(.ringFull, cpu: 1, count: 1)]))
        publish(2...2)
        #expect(try await read(asking) == ["1", "7 ringFull 0, 1 missed, 1 ringFull 1", "2"])
        #expect(try await read(other) == ["1", "2"])
        publish(3...3)
        #expect(try await read(asking) == ["3"])
    }

    @Test func `a full queue keeps what is missing until there is room`() async throws {
        let slow = hub.subscribe(name: "slow", format: .protobuf, capacity: 1, tellsLoss: true)
        publish(1...2)
        hub.publish(Loss([.init(.malformed, count: 2)]))
        #expect(try await read(slow) == ["1"])
        publish(3...3)
        #expect(try await read(slow) == ["1 slowClient, 2 malformed", "3"])
    }

    @Test func `the last thing that an ended stream says is what is missing`() async throws {
        let slow = hub.subscribe(name: "slow", format: .protobuf, capacity: 2, tellsLoss: true)
        publish(1...5)
        slow.end()
        #expect(try await read(slow) == ["1", "2", "3 slowClient"])
        #expect(try await read(slow) == [])
        let account = try #require(hub.accounts.first)
        #expect(account.offered == 5 && account.delivered == 2 && account.lost == 3 && account.waiting == 0)
    }

    @Test func `a filter keeps no loss back`() async throws {
        let picky = hub.subscribe(name: "picky", format: .protobuf, capacity: 9, tellsLoss: true) { $0.time == 2 }
        publish(1...1)
        hub.publish(Loss([.init(.missed, count: 5)]))
        publish(2...3)
        #expect(try await read(picky) == ["5 missed", "2"])
    }

    @Test func `nothing is missing by nothing`() {
        var loss = Loss()
        loss.add(.init(.missed, count: 0))
        #expect(loss.isEmpty)
    }

    @Test(arguments: Tetragon_EventLoss.Cause.allCases)
    func `every cause of the API is one that the agent knows, but the one without a name`(
        cause: Tetragon_EventLoss.Cause
    ) async throws {
        let known = Loss.Cause(rawValue: UInt32(cause.rawValue))
        #expect((known == nil) == (cause == .unspecified))
        guard let known else { return }
        let asking = hub.subscribe(name: "asking", format: .protobuf, capacity: 10, tellsLoss: true)
        hub.publish(Loss([.init(known, count: 3)]))
        #expect(try await read(asking) == ["3 \(cause)"])
    }

    @Test func `what was lost is news once, by processor, whichever way it was counted`() {
        var news = LossNews()
        #expect(news.since(numbered: [], counted: [], malformed: 0, missed: 0) == nil)
        #expect(
            news.since(numbered: [0, 3], counted: [2, 1], malformed: 1, missed: 0)
                == Loss([
                    .init(.ringFull, cpu: 0, count: 2), .init(.ringFull, cpu: 1, count: 3), .init(.malformed, count: 1),
                ]))
        // A late record, and one counted less than before, are no news; a processor more may come.
        #expect(news.since(numbered: [0, 2], counted: [2], malformed: 1, missed: 0) == nil)
        #expect(
            news.since(numbered: [0, 4, 1], counted: [2], malformed: 1, missed: 7)
                == Loss([
                    .init(.ringFull, cpu: 1, count: 1), .init(.ringFull, cpu: 2, count: 1), .init(.missed, count: 7),
                ]))
    }
}
