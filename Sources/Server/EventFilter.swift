// SPDX-License-Identifier: Apache-2.0
internal import Containers
internal import Events
internal import GRPCCore
internal import Models
internal import Processes
internal import SwiftProtobuf
internal import TetragonAPI

/// Which events a GetEvents request asks for: (nothing is asked for, or some allow filter matches) and no deny filter.
///
/// What a request asks for is obeyed or refused, never ignored: who asks for one pod's events and gets all of them
/// without a word has been told something false.
struct EventFilter: Sendable {
    private let allowed: [Clause]
    private let denied: [Clause]

    init(_ request: Tetragon_GetEventsRequest) throws(RPCError) {
        if request.hasAggregationOptions { throw Self.refusal(of: "aggregation_options") }
        if !request.fieldFilters.isEmpty { throw Self.refusal(of: "field_filters") }
        if !request.unknownFields.data.isEmpty { throw Self.refusal(of: "a field that it does not know") }
        allowed = try Self.clauses(request.allowList, in: "allow_list")
        denied = try Self.clauses(request.denyList, in: "deny_list")
    }

    /// Nil where every event is asked for.
    var predicate: (@Sendable (Event) -> Bool)? {
        if allowed.isEmpty && denied.isEmpty { return nil }
        return { [allowed, denied] event in
            (allowed.isEmpty || allowed.contains { $0.matches(event) }) && !denied.contains { $0.matches(event) }
        }
    }

    private static func clauses(_ filters: [Tetragon_Filter], in list: String) throws(RPCError) -> [Clause] {
        var clauses: [Clause] = []
        for filter in filters {
            if let field = filter.firstFieldBeyondUs { throw refusal(of: "\(list).\(field)") }
            clauses.append(Clause(filter))
        }
        return clauses
    }

    private static func refusal(of field: String) -> RPCError {
        RPCError(code: .unimplemented, message: "GetEvents: this version of Apus does not support \(field)")
    }
}

/// One Filter: every field that is set must match, by any of its values. Without fields it matches everything.
private struct Clause: Sendable {
    let kinds: Set<Int>?
    let pids: Set<UInt32>?
    let namespaces: Set<String>?
    let inInitTree: Bool?

    init(_ filter: Tetragon_Filter) {
        func values<Value>(_ values: [Value]) -> Set<Value>? { values.isEmpty ? nil : Set(values) }
        kinds = values(filter.eventSet.map(\.rawValue))
        pids = values(filter.pid)
        namespaces = values(filter.namespace)
        inInitTree = filter.hasInInitTree ? filter.inInitTree.value : nil
    }

    func matches(_ event: Event) -> Bool {
        if let kinds, !kinds.contains(event.kind.rawValue) { return false }
        if let pids, !pids.contains(event.process.pid) { return false }
        if let inInitTree, inInitTree != event.process.inInitTree { return false }
        // The empty namespace stands for processes without a pod.
        if let namespaces, !namespaces.contains(event.process.container?.identity.podNamespace ?? "") { return false }
        return true
    }
}

extension Tetragon_Filter {
    /// The name of a field that is set and that ``Clause`` does not read; nil if there is none.
    fileprivate var firstFieldBeyondUs: String? {
        let unsupported: [(String, Bool)] = [
            ("binary_regex", !binaryRegex.isEmpty), ("health_check", hasHealthCheck), ("pid_set", !pidSet.isEmpty),
            ("pod_regex", !podRegex.isEmpty), ("arguments_regex", !argumentsRegex.isEmpty),
            ("labels", !labels.isEmpty), ("policy_names", !policyNames.isEmpty), ("capabilities", hasCapabilities),
            ("parent_binary_regex", !parentBinaryRegex.isEmpty), ("cel_expression", !celExpression.isEmpty),
            ("parent_arguments_regex", !parentArgumentsRegex.isEmpty), ("container_id", !containerID.isEmpty),
        ]
        if let field = unsupported.first(where: \.1) { return field.0 }

        // Whatever the API gains: what is left after all that is understood must be nothing.
        var rest = self
        rest.eventSet = []
        rest.pid = []
        rest.namespace = []
        rest.clearInInitTree()
        return rest == Tetragon_Filter() ? nil : "a field that it does not know"
    }
}
