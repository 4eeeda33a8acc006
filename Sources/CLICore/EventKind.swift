// SPDX-License-Identifier: Apache-2.0

package import TetragonAPI

/// The kinds of events by the names that users write.
package enum EventKind {
    private static let kinds: [(name: String, type: Tetragon_EventType)] = [
        ("PROCESS_EXEC", .processExec), ("PROCESS_EXIT", .processExit), ("PROCESS_KPROBE", .processKprobe),
        ("PROCESS_TRACEPOINT", .processTracepoint), ("PROCESS_UPROBE", .processUprobe), ("PROCESS_LSM", .processLsm),
        ("PROCESS_USDT", .processUsdt), ("PROCESS_LOADER", .processLoader), ("PROCESS_THROTTLE", .processThrottle),
        ("RATE_LIMIT_INFO", .rateLimitInfo), ("TEST", .test), ("LOSS", .loss),
    ]

    /// The API's own names, for help and completion.
    package static var names: [String] { kinds.map(\.name) }

    /// Reads a name in either case, with or without its first word: `PROCESS_EXEC`, `process_exec`, `exec`.
    package static func named(_ text: String) -> Tetragon_EventType? {
        let name = text.uppercased()
        return kinds.first { $0.name == name || $0.name == "PROCESS_" + name }?.type
    }
}

extension Tetragon_GetEventsResponse {
    /// What kind of event it is: the number of its field.
    package var kind: Tetragon_EventType {
        switch event {
        case .processExec: .processExec
        case .processExit: .processExit
        case .processKprobe: .processKprobe
        case .processTracepoint: .processTracepoint
        case .processUprobe: .processUprobe
        case .processUsdt: .processUsdt
        case .processLsm: .processLsm
        case .processLoader: .processLoader
        case .processThrottle: .processThrottle
        case .test: .test
        case .rateLimitInfo: .rateLimitInfo
        case .loss: .loss
        case nil: .undef
        }
    }

    /// The policy that it comes from; nil for events that come from none.
    var policyName: String? {
        switch event {
        case .processKprobe(let event): event.policyName
        case .processTracepoint(let event): event.policyName
        case .processUprobe(let event): event.policyName
        case .processUsdt(let event): event.policyName
        case .processLsm(let event): event.policyName
        case .processExec, .processExit, .processLoader, .processThrottle, .test, .rateLimitInfo, .loss, nil: nil
        }
    }
}
