// SPDX-License-Identifier: Apache-2.0
internal import GRPCNIOTransportHTTP2Posix
internal import Models
internal import Policies
package import Processes

/// Makes an event of what happened: a few bytes around the encoded forms of its processes, once for all subscribers.
package struct EventEncoder: Sendable {
    /// node_name and cluster_name, ready to be appended.
    let protobufTail: [UInt8]
    let jsonTail: [UInt8]

    private let tellsAncestors: Bool
    private let policyAncestors: Set<EventKind>
    let exposesStackAddresses: Bool

    /// - Parameters:
    ///   - ancestors: whether execs and exits tell of their process's ancestors.
    ///   - policyAncestors: which events of policies do.
    ///   - stackAddresses: whether stacks have addresses beside names.
    package init(
        node: String, cluster: String, ancestors: Bool = false, policyAncestors: Set<EventKind> = [],
        stackAddresses: Bool = false
    ) {
        tellsAncestors = ancestors
        self.policyAncestors = policyAncestors
        exposesStackAddresses = stackAddresses
        var protobuf = ProtobufWriter()
        protobuf.string(1000, node)
        protobuf.string(1003, cluster)
        protobufTail = protobuf.bytes
        var json = JSONWriter()
        json.string("node_name", node)
        json.string("cluster_name", cluster)
        jsonTail = json.finish()
    }

    package func encode(_ happened: ProcessEvent, formats: EventFormats) -> Event {
        let kind: EventKind =
            switch happened.kind {
            case .exec: .processExec
            case .exit: .processExit
            case .test: .test
            case .policy(let hit): hit.kind
            case .loader: .processLoader
            }
        var hit: PolicyHit?
        if case .policy(let policyHit) = happened.kind { hit = policyHit }
        return Event(
            kind: kind, time: happened.bootTime,
            // A test event carries no process, and no filter on processes is to see one.
            process: kind == .test ? nil : happened.process, parent: kind == .test ? nil : happened.parent,
            ancestors: kind == .test ? .none : happened.ancestors,
            policyName: hit?.hook.policy, subject: hit?.subject,
            message: formats.contains(.protobuf) ? protobuf(happened) : GRPCNIOTransportBytes([]),
            json: formats.contains(.json) ? json(happened) : [])
    }

    /// - Parameter time: ns since 1970.
    package func encode(_ loss: Loss, time: Int64) -> Event {
        var w = ProtobufWriter()
        w.message(UInt32(EventKind.loss.rawValue)) { w in
            for gap in loss.gaps {
                w.message(1) {
                    $0.uint32(1, gap.cause.rawValue)
                    if let cpu = gap.cpu { $0.wrapped(2, cpu) }
                    $0.uint64(3, gap.count)
                }
            }
        }
        w.timestamp(1001, time)
        w.bytes += protobufTail
        return Event(
            kind: .loss, time: WallClock.bootNanoseconds, process: nil, parent: nil,
            message: GRPCNIOTransportBytes(w.bytes), json: [])
    }

    /// Tells how many events the export's rate limit has withheld.
    /// - Parameter time: ns since 1970.
    package func rateLimitInfo(dropped: UInt64, time: Int64) -> Event {
        var protobuf = ProtobufWriter()
        protobuf.message(UInt32(EventKind.rateLimitInfo.rawValue)) { $0.uint64(1, dropped) }
        protobuf.timestamp(1001, time)
        protobuf.bytes += protobufTail
        var json = JSONWriter(capacity: jsonTail.count + 160)
        json.raw("{")
        json.object("rate_limit_info") { $0.quoted("number_of_dropped_process_events", dropped) }
        if !jsonTail.isEmpty { json.append(jsonTail) }
        json.timestamp("time", time)
        json.raw("}\n")
        return Event(
            kind: .rateLimitInfo, time: WallClock.bootNanoseconds, process: nil, parent: nil,
            message: GRPCNIOTransportBytes(protobuf.bytes), json: json.finish())
    }

    /// Tells that the events of a cgroup are limited, or not any more.
    package func encode(_ throttle: Throttle, formats: EventFormats) -> Event {
        var protobuf = ProtobufWriter()
        protobuf.message(UInt32(EventKind.processThrottle.rawValue)) {
            $0.uint32(1, throttle.isStart ? 1 : 2)
            $0.string(2, throttle.cgroup)
        }
        protobuf.timestamp(1001, throttle.time)
        protobuf.bytes += protobufTail
        var json = JSONWriter(capacity: jsonTail.count + 160)
        json.raw("{")
        json.object("process_throttle") {
            $0.name("type", throttle.isStart ? "THROTTLE_START" : "THROTTLE_STOP")
            $0.string("cgroup", throttle.cgroup)
        }
        if !jsonTail.isEmpty { json.append(jsonTail) }
        json.timestamp("time", throttle.time)
        json.raw("}\n")
        return Event(
            kind: .processThrottle, time: throttle.bootTime, process: nil, parent: nil, subject: throttle.cgroup,
            message: GRPCNIOTransportBytes(formats.contains(.protobuf) ? protobuf.bytes : []),
            json: formats.contains(.json) ? json.finish() : [])
    }

    // MARK: GetEventsResponse

    private func protobuf(_ happened: ProcessEvent) -> GRPCNIOTransportBytes {
        if case .test(let marker) = happened.kind { return protobuf(marker, at: happened.time) }
        let form = happened.kind.form
        var process = happened.process.protobuf(tid: happened.tid)
        if happened.kind == .exec, happened.process.properties != nil {
            var more = ProtobufWriter()
            happened.process.appendExecOnly(to: &more)
            process += more.bytes
        }
        let parent = happened.parent?.protobuf
        var tail = ProtobufWriter()
        switch happened.kind {
        case .exit(let code):
            let exit = ExitCode(code)
            tail.string(3, exit.signal)
            tail.uint32(4, exit.status)
            tail.timestamp(5, happened.time)
        case .policy(let hit): hit.append(to: &tail, exposesAddresses: exposesStackAddresses)
        case .loader(let loaded):
            tail.string(2, loaded.path)
            if !loaded.buildID.isEmpty {
                tail.lengthDelimited(3, count: loaded.buildID.count)
                tail.bytes += loaded.buildID
            }
        case .exec, .test: break
        }
        let ancestors = ancestors(of: happened).map(\.protobuf)
        let processSize = Self.size(process, happened.references)
        let parentSize = parent.map { Self.size($0, happened.parentReferences) }
        var inner = 1 + ProtobufWriter.length(ofVarint: UInt64(processSize)) + processSize + tail.bytes.count
        if let parentSize { inner += 1 + ProtobufWriter.length(ofVarint: UInt64(parentSize)) + parentSize }
        for ancestor in ancestors {
            inner += 1 + ProtobufWriter.length(ofVarint: UInt64(ancestor.count)) + ancestor.count
        }

        var w = ProtobufWriter()
        w.bytes.reserveCapacity(inner + protobufTail.count + 32)
        w.lengthDelimited(form.field, count: inner)
        Self.append(process, happened.references, field: 1, size: processSize, to: &w)
        if let parent, let parentSize {
            Self.append(parent, happened.parentReferences, field: form.parent, size: parentSize, to: &w)
        }
        w.bytes.append(contentsOf: tail.bytes)
        for ancestor in ancestors {
            Self.append(ancestor, 0, field: form.ancestors, size: ancestor.count, to: &w)
        }
        w.timestamp(1001, happened.time)
        w.bytes.append(contentsOf: protobufTail)
        return GRPCNIOTransportBytes(w.bytes)
    }

    private func ancestors(of happened: ProcessEvent) -> [ProcessImage] {
        let isTold =
            switch happened.kind {
            case .exec, .exit, .test: tellsAncestors
            case .policy(let hit): policyAncestors.contains(hit.kind)
            case .loader: policyAncestors.contains(.processLoader)
            }
        return isTold ? happened.ancestors.map(\.asAncestor) : []
    }

    private func protobuf(_ marker: TestMarker, at time: Int64) -> GRPCNIOTransportBytes {
        var w = ProtobufWriter()
        w.message(UInt32(EventKind.test.rawValue)) {
            for (field, number) in zip(UInt32(1)..., marker.numbers) { $0.uint64(field, number) }
        }
        w.timestamp(1001, time)
        w.bytes += protobufTail
        return GRPCNIOTransportBytes(w.bytes)
    }

    private static func size(_ process: [UInt8], _ references: UInt32) -> Int {
        process.count + (references == 0 ? 0 : 1 + ProtobufWriter.length(ofVarint: UInt64(references)))
    }

    private static func append(
        _ process: [UInt8], _ references: UInt32, field: UInt32, size: Int, to w: inout ProtobufWriter
    ) {
        w.lengthDelimited(field, count: size)
        w.bytes.append(contentsOf: process)
        w.uint32(13, references)
    }

    // MARK: JSON

    private func json(_ happened: ProcessEvent) -> [UInt8] {
        if case .test(let marker) = happened.kind { return json(marker, at: happened.time) }
        let process = happened.process.json(tid: happened.tid)
        let parent = happened.parent?.json
        var w = JSONWriter(capacity: process.count + (parent?.count ?? 0) + jsonTail.count + 160)
        w.raw("{")
        w.object(happened.kind.form.name) {
            $0.object("process", members: process) {
                $0.number("refcnt", happened.references)
                if happened.kind == .exec { happened.process.appendExecOnly(to: &$0) }
            }
            if let parent {
                $0.object("parent", members: parent) { $0.number("refcnt", happened.parentReferences) }
            }
            switch happened.kind {
            case .exit(let code):
                let exit = ExitCode(code)
                $0.string("signal", exit.signal)
                $0.number("status", exit.status)
                $0.timestamp("time", happened.time)
            case .policy(let hit): hit.append(to: &$0, exposesAddresses: exposesStackAddresses)
            case .loader(let loaded):
                $0.string("path", loaded.path)
                if !loaded.buildID.isEmpty { $0.data("buildid", loaded.buildID) }
            case .exec, .test: break
            }
            $0.objects("ancestors", members: ancestors(of: happened).map(\.json))
        }
        if !jsonTail.isEmpty { w.append(jsonTail) }
        w.timestamp("time", happened.time)
        w.raw("}\n")
        return w.finish()
    }

    private func json(_ marker: TestMarker, at time: Int64) -> [UInt8] {
        let names: [StaticString] = ["arg0", "arg1", "arg2", "arg3"]
        var w = JSONWriter(capacity: jsonTail.count + 160)
        w.raw("{")
        w.object("test") {
            for (name, number) in zip(names, marker.numbers) { $0.quoted(name, number) }
        }
        if !jsonTail.isEmpty { w.append(jsonTail) }
        w.timestamp("time", time)
        w.raw("}\n")
        return w.finish()
    }
}

/// Where the parts of an event are in the API's message.
private struct EventForm {
    let name: StaticString
    let field: UInt32
    var parent: UInt32 = 2
    let ancestors: UInt32
}

extension ProcessEvent.Kind {
    fileprivate var form: EventForm {
        switch self {
        case .exec, .test: EventForm(name: "process_exec", field: 1, ancestors: 3)
        case .exit: EventForm(name: "process_exit", field: 5, ancestors: 6)
        case .loader: EventForm(name: "process_loader", field: 11, parent: 4, ancestors: 5)
        case .policy(let hit):
            switch hit.kind {
            case .processTracepoint: EventForm(name: "process_tracepoint", field: 10, ancestors: 11)
            case .processUprobe: EventForm(name: "process_uprobe", field: 12, ancestors: 9)
            case .processLsm: EventForm(name: "process_lsm", field: 28, ancestors: 10)
            case .processUsdt: EventForm(name: "process_usdt", field: 29, ancestors: 10)
            default: EventForm(name: "process_kprobe", field: 9, ancestors: 13)
            }
        }
    }
}

extension ProcessEvent {
    /// The thread that did it, or the process where that is not told.
    fileprivate var tid: UInt32 { if case .policy(let hit) = kind { hit.tid } else { process.tid } }
}

extension PolicyHit {
    fileprivate var kind: EventKind {
        switch hook.place {
        case .function: .processKprobe
        case .tracepoint: .processTracepoint
        case .symbols: .processUprobe
        case .probe: .processUsdt
        case .securityHook: .processLsm
        }
    }
}
