// SPDX-License-Identifier: Apache-2.0
import Containers
import Events
import GRPCNIOTransportHTTP2Posix
import Models
import Processes
import SwiftProtobuf
import TetragonAPI

/// An event of a process with this pid, and whatever a filter looks at.
func sampleEvent(
    _ kind: EventKind = .processExec, pid: UInt32, namespace: String? = nil, inInitTree: Bool = false,
    padding: Int = 0
) throws -> Event {
    let identity = try namespace.map {
        try ContainerIdentity(
            id: String(repeating: "a", count: 64), podName: "pod", podNamespace: $0,
            podUID: "4ab3de5d-1ad8-4ec5-a3f4-3d0c4f5a1b2c")
    }
    let process = ProcessImage(
        execID: "", parentExecID: "", pid: pid, tid: pid, namespacePid: 0, uid: 0, loginUid: 0, cwd: "/",
        binary: "/bin/true", arguments: "", flags: "", startTime: 0, inInitTree: inInitTree,
        container: identity.map { Container(identity: $0, source: .hook, cgroup: 1) }, containerKey: nil,
        properties: nil, namespaces: nil)
    let sent = Tetragon_Process.with { $0.pid = .with { $0.value = pid } }
    let message = Tetragon_GetEventsResponse.with {
        switch kind {
        case .processExec: $0.processExec = .with { $0.process = sent }
        case .processExit: $0.processExit = .with { $0.process = sent }
        case .test: $0.test = .init()
        case .rateLimitInfo: $0.rateLimitInfo = .init()
        case .loss: $0.loss = .init()
        case .processKprobe: $0.processKprobe = .with { $0.process = sent }
        case .processTracepoint: $0.processTracepoint = .with { $0.process = sent }
        case .processUprobe: $0.processUprobe = .with { $0.process = sent }
        case .processUsdt: $0.processUsdt = .with { $0.process = sent }
        case .processLsm: $0.processLsm = .with { $0.process = sent }
        case .processLoader: $0.processLoader = .with { $0.process = sent }
        case .processThrottle: $0.processThrottle = .init()
        }
    }
    return Event(
        kind: kind, time: 0, process: process, parent: nil,
        message: GRPCNIOTransportBytes(try message.serializedBytes() + unknownField(size: padding)), json: [])
}

/// Field 15 as bytes: makes a message large without making its decoding slow.
private func unknownField(size: Int) -> [UInt8] {
    var bytes: [UInt8] = [15 << 3 | 2]
    var rest = size
    while rest >= 0x80 {
        bytes.append(UInt8(rest & 0x7f) | 0x80)
        rest >>= 7
    }
    return bytes + [UInt8(rest)] + [UInt8](repeating: 0, count: size)
}

extension EventHub {
    func publish(_ events: [Event]) { publish { _ in events } }
}

extension Tetragon_GetEventsResponse {
    var processPid: UInt32 {
        switch event {
        case .processExec(let exec): exec.process.pid.value
        case .processExit(let exit): exit.process.pid.value
        default: 0
        }
    }
}
