// SPDX-License-Identifier: Apache-2.0
import Containers
import GRPCNIOTransportHTTP2Posix
import Processes
import SwiftProtobuf
import Testing
import TetragonAPI

@testable import Events

@Suite("Aggregation") struct AggregatorTests {
    private typealias Sample = FilterSample

    /// Each with a time of its own.
    private func event(
        _ kind: EventKind = .processExec, time: UInt64 = 0, binary: String = "/bin/true", execID: String = "a",
        uid: UInt32 = 0, container: Container? = nil, origin: ExecOrigin.Kind = .host, policy: String? = nil,
        subject: String? = nil, bytes: [UInt8] = [], hasProcess: Bool = true
    ) -> Event {
        let process = ProcessImage(
            execID: execID, parentExecID: "", pid: 1, tid: 1, namespacePid: 0, uid: uid, loginUid: 0, cwd: "/",
            binary: binary, arguments: "", flags: "", startTime: 0, inInitTree: false, container: container,
            containerKey: nil, properties: nil, namespaces: nil, origin: ExecOrigin(origin))
        return Event(
            kind: kind, time: time, process: hasProcess ? process : nil, parent: nil, policyName: policy,
            subject: subject, message: GRPCNIOTransportBytes(bytes), json: [])
    }

    private func hook(_ time: UInt64, execID: String = "a", policy: String = "p", subject: String = "f") -> Event {
        event(.processKprobe, time: time, execID: execID, policy: policy, subject: subject)
    }

    private func aggregator(
        processes: Bool = true, waiting: Int = 4096, bytes: Int = 8 << 20
    ) -> Aggregator {
        var limits = Aggregator.Limits()
        limits.waiting = waiting
        limits.bytes = bytes
        return Aggregator(window: .nanoseconds(100), aggregatesProcesses: processes, limits: limits)
    }

    /// "time×count" of each.
    private func text(_ aggregates: [Aggregator.Aggregate]) -> [String] {
        aggregates.map { "\($0.event.time)×\($0.count)" }
    }

    @Test("events that tell of the same are one when the first one's window is over, with its time and their count")
    func window() {
        var aggregator = aggregator()
        #expect(aggregator.nextDue == nil)
        #expect(text(aggregator.pass([hook(1)], now: 1000)) == [])
        #expect(aggregator.nextDue == 1100)
        #expect(text(aggregator.pass([hook(2), hook(3)], now: 1099)) == [])
        // The window is over before this one, which opens the next.
        #expect(text(aggregator.pass([hook(4)], now: 1100)) == ["1×3"])
        #expect(aggregator.nextDue == 1200)
        #expect(text(aggregator.pass([], now: 1200)) == ["4×1"])
        #expect(aggregator.nextDue == nil)
        #expect(text(aggregator.pass([], now: 5000)) == [])
    }

    @Test("what waits leaves in the order of the first ones, and all of it at the end of the stream")
    func order() {
        var aggregator = aggregator()
        _ = aggregator.pass([hook(1, execID: "a"), hook(2, execID: "b"), hook(3, execID: "a")], now: 0)
        _ = aggregator.pass([hook(4, execID: "c"), hook(5, execID: "b")], now: 50)
        #expect(text(aggregator.pass([], now: 100)) == ["1×2", "2×2"])
        _ = aggregator.pass([hook(6, execID: "d")], now: 120)
        #expect(text(aggregator.finish()) == ["4×1", "6×1"])
        #expect(aggregator.nextDue == nil && aggregator.finish().isEmpty)
    }

    @Test("what does not aggregate goes on at once, in order")
    func others() {
        var aggregator = aggregator(processes: false)
        let passed = aggregator.pass(
            [
                event(.processExec, time: 1), event(.processExec, time: 2), hook(3), event(.processExit, time: 4),
                event(.loss, time: 5, hasProcess: false), event(.test, time: 6, hasProcess: false),
                event(.rateLimitInfo, time: 7, hasProcess: false), event(.loss, time: 8, hasProcess: false),
                event(.processKprobe, time: 9, hasProcess: false),
            ], now: 0)
        #expect(text(passed) == [1, 2, 4, 5, 6, 7, 8, 9].map { "\($0)×1" })
        #expect(text(aggregator.finish()) == ["3×1"])
    }

    @Test("two events are the same by kind, process, policy and place")
    func hooks() {
        let all = [
            hook(1), hook(2, execID: "b"), hook(3, policy: "q"), hook(4, subject: "g"),
            event(.processTracepoint, time: 5, policy: "p", subject: "f"),
            event(.processUprobe, time: 6, policy: "p", subject: "f"),
            event(.processThrottle, time: 7, subject: "/a", hasProcess: false),
            event(.processThrottle, time: 8, subject: "/b", hasProcess: false),
        ]
        var aggregator = aggregator(processes: false)
        #expect(aggregator.pass(all + all + all, now: 0).isEmpty)
        #expect(text(aggregator.finish()) == (1...8).map { "\($0)×3" })
    }

    @Test("execs and exits are the same by binary, user, container and origin")
    func programs() throws {
        let (web, shop) = (try Sample.container(), try Sample.container(id: String(repeating: "9", count: 64)))
        let all = [
            event(time: 1), event(.processExit, time: 2), event(time: 3, binary: "/bin/false"), event(time: 4, uid: 7),
            event(time: 5, container: web, origin: .initTree), event(time: 6, container: shop, origin: .initTree),
            // What was brought in from outside is never counted with the container's own.
            event(time: 7, container: web, origin: .runtimeExec),
        ]
        var aggregator = aggregator()
        // Other processes, and other arguments and statuses with them.
        #expect(aggregator.pass(all + [event(time: 9, execID: "b")] + all, now: 0).isEmpty)
        #expect(text(aggregator.finish()) == ["1×3"] + (2...7).map { "\($0)×2" })
    }

    @Test("a process whose container is not known stays by itself")
    func unknown() {
        var aggregator = aggregator()
        let events = (1...2).map { event(time: $0, origin: .unknown) }
        #expect(text(aggregator.pass(events, now: 0)) == ["1×1", "2×1"])
    }

    @Test("where there is no room events go on as they are, and those that wait are still counted")
    func bounds() {
        var few = aggregator(waiting: 2)
        let events = ["a", "b", "c", "c", "a"].enumerated().map { hook(UInt64($0), execID: $1) }
        #expect(text(few.pass(events, now: 0)) == ["2×1", "3×1"])
        #expect(text(few.pass([hook(9, execID: "c")], now: 100)) == ["0×2", "1×1"])
        #expect(text(few.finish()) == ["9×1"])

        var small = aggregator(bytes: 100)
        let large = (1...3).map { event(time: $0, uid: UInt32($0), bytes: [UInt8](repeating: 0, count: 50)) }
        #expect(text(small.pass(large + large, now: 0)) == ["3×1", "3×1"])
        #expect(text(small.pass(large, now: 100)) == ["1×2", "2×2", "3×1"])
    }

    @Test("a window beyond the end of the clock does not overflow")
    func endOfClock() {
        var aggregator = aggregator()
        #expect(aggregator.pass([hook(1)], now: .max - 1).isEmpty)
        #expect(aggregator.nextDue == .max)
    }

    // MARK: What is sent

    @Test("the count stands beside the event, and one by itself is sent as it is")
    func encoding() throws {
        let sent = Tetragon_GetEventsResponse.with {
            $0.processExec = .with {
                $0.process.binary = "/bin/true"
                $0.process.arguments = "x"
            }
            $0.nodeName = "node"
        }
        let event = event(bytes: try sent.serializedBytes())
        let binaryOnly = try FieldFilters([
            .with {
                $0.fields = Google_Protobuf_FieldMask(protoPaths: ["process.binary"])
                $0.action = .include
            }
        ])
        for (fields, arguments) in [(FieldFilters.none, "x"), (binaryOnly, "")] {
            for (count, isSet) in [(1, false), (2, true), (300, true)] {
                var aggregator = aggregator()
                _ = aggregator.pass(Array(repeating: event, count: count), now: 0)
                let message = fields.message(try #require(aggregator.finish().first))
                let response = try Tetragon_GetEventsResponse(serializedBytes: message.withUnsafeBytes { Array($0) })
                #expect(response.hasAggregationInfo == isSet)
                #expect(response.aggregationInfo.count == (isSet ? UInt64(count) : 0))
                #expect(response.processExec.process.binary == "/bin/true" && response.nodeName == "node")
                #expect(response.processExec.process.arguments == arguments)
            }
        }
    }

    // MARK: What may be asked for

    private func aggregation(
        _ set: (inout Tetragon_AggregationOptions) -> Void = { _ in }, processes: Bool = false
    ) throws -> Aggregation? {
        var request = Tetragon_GetEventsRequest()
        request.options.aggregateProcesses = processes
        set(&request.aggregationOptions)
        return try Aggregation(request, mostCapacity: 100)
    }

    @Test("a request has the window and the queue that it asks for, or the usual ones")
    func wishes() throws {
        #expect(try Aggregation(.init(), mostCapacity: 100) == nil)
        // Set, with nothing in it.
        let usual = try #require(try aggregation { $0 = .init() })
        #expect(usual.window == .seconds(15) && usual.capacity == nil && !usual.includesProcesses)
        let own = try #require(
            try aggregation(
                {
                    $0.windowSize = Google_Protobuf_Duration(seconds: 2, nanos: 500_000_000)
                    $0.channelBufferSize = 100
                }, processes: true))
        #expect(own.window == .milliseconds(2500) && own.capacity == 100 && own.includesProcesses)
        for (seconds, nanos) in [(0, 1_000_000), (3600, 0)] {
            let edge = try aggregation { $0.windowSize = .init(seconds: Int64(seconds), nanos: Int32(nanos)) }
            #expect(edge != nil)
        }
    }

    @Test(
        "a window that cannot be is refused",
        arguments: [
            (0, 0), (0, 999_999), (-1, 0), (1, -1), (0, -1), (3600, 1), (3601, 0), (1, 1_000_000_000),
            (Int64.max, Int32.max), (Int64.min, Int32.min),
        ])
    func windows(_ seconds: Int64, _ nanos: Int32) {
        let error = #expect(throws: FilterError.self) {
            try aggregation { $0.windowSize = .init(seconds: seconds, nanos: nanos) }
        }
        #expect(error?.position == "aggregation_options.window_size" && error?.kind == .invalid)
    }

    @Test("so are a queue beyond the agent's, processes without a window, and fields that nobody knows")
    func refusals() throws {
        for size in [101, UInt64.max] {
            let error = #expect(throws: FilterError.self) { try aggregation { $0.channelBufferSize = size } }
            #expect(error?.position == "aggregation_options.channel_buffer_size" && error?.kind == .invalid)
        }
        let alone = #expect(throws: FilterError.self) {
            try Aggregation(.with { $0.options.aggregateProcesses = true }, mostCapacity: 100)
        }
        #expect(alone?.position == "options.aggregate_processes" && alone?.kind == .invalid)
        let newer = try Tetragon_AggregationOptions(serializedBytes: [0xC2, 0x0C, 0x01, 0x61] as [UInt8])
        let unknown = #expect(throws: FilterError.self) { try aggregation { $0 = newer } }
        #expect(unknown?.position == "aggregation_options" && unknown?.kind == .unsupported)
    }
}
