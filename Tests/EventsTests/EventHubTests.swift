// SPDX-License-Identifier: Apache-2.0
import Containers
import GRPCNIOTransportHTTP2Posix
import Processes
import Testing

@testable import Events

@Suite struct EventHubTests {
    private func event(_ pid: UInt32) -> Event {
        let process = ProcessImage(
            execID: "", parentExecID: "", pid: pid, tid: pid, namespacePid: 0, uid: 0, loginUid: 0, cwd: "/",
            binary: "/bin/true", arguments: "", flags: "", startTime: 0, inInitTree: false, container: nil,
            containerKey: nil, properties: nil, namespaces: nil)
        return Event(
            kind: .processExec, time: 0, process: process, parent: nil, message: GRPCNIOTransportBytes([1]), json: [])
    }

    private func publish(_ events: [Event], on hub: EventHub) { hub.publish { _ in events } }

    private func events(_ pids: ClosedRange<UInt32>) -> [Event] { pids.map(event) }

    @Test func eachSubscriberGetsEveryEventInOrder() async {
        let hub = EventHub()
        let first = hub.subscribe(name: "first", format: .protobuf, capacity: 100)
        let second = hub.subscribe(name: "second", format: .json, capacity: 100)
        publish(events(1...3), on: hub)
        publish(events(4...5), on: hub)
        #expect(await first.next(upTo: 100)?.map(\.process?.pid) == [1, 2, 3, 4, 5])
        #expect(await second.next(upTo: 2)?.map(\.process?.pid) == [1, 2])
        #expect(await second.next(upTo: 2)?.map(\.process?.pid) == [3, 4])
        #expect(await second.next(upTo: 2)?.map(\.process?.pid) == [5])
    }

    @Test func readerThatWaitsIsWoken() async {
        let hub = EventHub()
        let subscription = hub.subscribe(name: "waiting", format: .protobuf, capacity: 10)
        async let batch = subscription.next(upTo: 10)
        try? await Task.sleep(for: .milliseconds(20))
        publish(events(1...1), on: hub)
        #expect(await batch?.map(\.process?.pid) == [1])
    }

    @Test func fullQueueLosesItsOwnEventsAndCountsThem() async {
        let hub = EventHub()
        let small = hub.subscribe(name: "small", format: .protobuf, capacity: 2)
        let large = hub.subscribe(name: "large", format: .protobuf, capacity: 10)
        publish(events(1...5), on: hub)
        #expect(small.lost == 3)
        #expect(large.lost == 0)
        #expect(await small.next(upTo: 10)?.map(\.process?.pid) == [1, 2])
        #expect(await large.next(upTo: 10)?.count == 5)
        #expect(small.delivered == 2)
    }

    @Test func lingeringReaderGetsTheFirstAtOnceAndTheRestTogether() async {
        let hub = EventHub()
        let subscription = hub.subscribe(name: "file", format: .protobuf, capacity: 1000, linger: .seconds(1000))
        publish(events(1...1), on: hub)
        #expect(await subscription.next(upTo: 256)?.map(\.process?.pid) == [1])
        async let second = subscription.next(upTo: 256)
        for pid in UInt32(2)...4 {
            publish([event(pid)], on: hub)
            hub.deliver(everything: false)
        }
        // Nothing more is about to come.
        hub.deliver(everything: true)
        #expect(await second?.map(\.process?.pid) == [2, 3, 4])
        // Nor does a large batch wait, nor what waits at the end.
        publish(events(5...90), on: hub)
        #expect(await subscription.next(upTo: 256)?.count == 86)
        async let last = subscription.next(upTo: 256)
        publish([event(91)], on: hub)
        hub.close()
        #expect(await last?.map(\.process?.pid) == [91])
        #expect(await subscription.next(upTo: 256) == nil)
    }

    @Test func eventsThatAreNotAskedForTakeNoRoom() async {
        let hub = EventHub()
        let even = hub.subscribe(name: "even", format: .protobuf, capacity: 2) { ($0.process?.pid ?? 1) % 2 == 0 }
        publish(events(1...4), on: hub)
        #expect(even.lost == 0)
        #expect(await even.next(upTo: 10)?.map(\.process?.pid) == [2, 4])
    }

    @Test func eventsAreMadeInTheFormatsThatAreReadAndOnlyThen() {
        let hub = EventHub()
        func formats() -> EventFormats? {
            var asked: EventFormats?
            hub.publish { formats in
                asked = formats
                return []
            }
            return asked
        }
        #expect(formats() == nil)
        let first = hub.subscribe(name: "first", format: .json, capacity: 1)
        #expect(formats() == .json)
        let second = hub.subscribe(name: "second", format: .protobuf, capacity: 1)
        #expect(formats() == [.json, .protobuf])
        first.close()
        #expect(formats() == .protobuf)
        second.close()
        #expect(formats() == nil)
    }

    @Test func endedSubscriptionIsReadToItsEndAndThenForgotten() async {
        let hub = EventHub()
        let subscription = hub.subscribe(name: "leaving", format: .json, capacity: 2)
        publish(events(1...3), on: hub)
        subscription.end()
        publish(events(4...4), on: hub)
        #expect(await subscription.next(upTo: 10)?.map(\.process?.pid) == [1, 2])
        #expect(await subscription.next(upTo: 10) == nil)
        #expect(hub.accounts.map(\.name) == ["leaving", "departed"])
        subscription.close()
        #expect(hub.accounts.map(\.name) == ["departed"])
        #expect(hub.accounts.map(\.lost) == [1] && hub.accounts.map(\.offered) == [3])
    }

    @Test func aBatchIsBoundedInBytesAndHasOneEventAtLeast() async {
        let hub = EventHub()
        let subscription = hub.subscribe(name: "careful", format: .protobuf, capacity: 100)
        publish(events(1...5), on: hub)
        subscription.end()
        let size = event(1).size
        #expect(await subscription.next(upTo: 10, bytes: 2 * size)?.map(\.process?.pid) == [1, 2])
        #expect(await subscription.next(upTo: 10, bytes: 1)?.map(\.process?.pid) == [3])
        #expect(await subscription.next(upTo: 10, bytes: 3 * size - 1)?.map(\.process?.pid) == [4, 5])
        #expect(await subscription.next(upTo: 10, bytes: size) == nil)
    }

    @Test func readerWhoLeavesLeavesWhatWaitsBehind() async {
        let hub = EventHub()
        let subscription = hub.subscribe(name: "leaving", format: .json, capacity: 4, tellsLoss: true)
        publish(events(1...7), on: hub)
        #expect(await subscription.next(upTo: 1)?.map(\.process?.pid) == [1])
        subscription.close()
        #expect(await subscription.next(upTo: 10) == nil)
        subscription.close()
        let account = hub.accounts[0]
        #expect(account.offered == 7 && account.delivered == 1 && account.lost == 3 && account.waiting == 3)
    }

    @Test("what a subscriber is offered is filtered, delivered, lost or waiting")
    func accountBalances() async {
        let hub = EventHub()
        let odd = hub.subscribe(name: "odd", format: .json, capacity: 2, tellsLoss: true) {
            $0.process.map { $0.pid % 2 == 1 } ?? true
        }
        publish(events(1...9), on: hub)
        #expect(await odd.next(upTo: 1)?.count == 1)
        publish(events(10...13), on: hub)
        // In the queue now: 3, what is missing, 11.
        let account = hub.accounts[0]
        #expect(account.offered == 13 && account.filtered == 6 && account.delivered == 1)
        #expect(account.waiting == 2 && account.lost == 4)
        #expect(account.offered == account.filtered + account.delivered + account.lost + account.waiting)
        #expect(await odd.next(upTo: 9)?.map { $0.process?.pid } == [3, nil, 11])
    }

    @Test func closingWakesAReaderThatWaits() async {
        let hub = EventHub()
        let subscription = hub.subscribe(name: "waiting", format: .protobuf, capacity: 10)
        async let batch = subscription.next(upTo: 10)
        try? await Task.sleep(for: .milliseconds(20))
        hub.close()
        #expect(await batch == nil)
    }

    @Test func hubThatHasClosedTakesNoNewSubscribers() async {
        let hub = EventHub()
        hub.close()
        let late = hub.subscribe(name: "late", format: .protobuf, capacity: 10)
        #expect(await late.next(upTo: 10) == nil)
        #expect(hub.accounts.map(\.name) == ["departed"])
    }

    @Test("what is read after the hub's end, and what became of it, is in the account")
    func accountAfterTheEnd() async {
        let hub = EventHub()
        let subscription = hub.subscribe(name: "export", format: .json, capacity: 2)
        publish(events(1...3), on: hub)
        hub.close()
        #expect(await subscription.next(upTo: 10)?.count == 2)
        #expect(await subscription.next(upTo: 10) == nil)
        for cause in ["full", "full", "broken"] {
            var outcome = Outcome()
            outcome.written = 1
            outcome.failed[cause] = 2
            subscription.add(outcome)
        }
        #expect(hub.accounts.map(\.name) == ["export", "departed"])
        subscription.close()
        let accounts = hub.accounts
        #expect(accounts.map(\.name) == ["departed"])
        #expect(accounts.map(\.delivered) == [2] && accounts.map(\.lost) == [1])
        #expect(accounts.map(\.outcome.written) == [3] && accounts.map(\.outcome.allFailed) == [6])
        #expect(accounts.map(\.outcome.failed) == [["full": 4, "broken": 2]])
    }

    @Test func manyBatchesFromAnotherThreadArriveWhole() async {
        let hub = EventHub()
        let subscription = hub.subscribe(name: "storm", format: .protobuf, capacity: 100_000)
        let publisher = Task.detached {
            for start in stride(from: UInt32(1), through: 50_000, by: 10) {
                self.publish(self.events(start...start + 9), on: hub)
            }
            hub.close()
        }
        var next: UInt32 = 1
        while let batch = await subscription.next(upTo: 64) {
            for event in batch {
                #expect(event.process?.pid == next)
                next += 1
            }
        }
        await publisher.value
        #expect(next == 50_001)
        #expect(subscription.lost == 0)
    }
}
