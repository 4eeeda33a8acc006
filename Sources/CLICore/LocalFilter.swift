// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf
package import TetragonAPI

/// A filter that needs no agent, for events that were written down: of what a user can ask for, whole values and yes
/// or no. Expressions and selectors are the agent's alone.
package struct LocalFilter: Sendable {
    private let arguments: FilterArguments
    private let kinds: Set<Int>
    private let namespaces: Set<String>
    private let pids: Set<UInt32>
    private let policies: Set<String>

    package struct Unsupported: Error, CustomStringConvertible {
        var flags: [String]
        package var description: String {
            "\(flags.joined(separator: ", ")): only an agent can do that, not the reading of stdin; filter with jq or grep"
        }
    }

    package init(_ arguments: FilterArguments) throws(Unsupported) {
        let beyond = [
            ("--namespace-regex", arguments.namespaceExpressions), ("--pod", arguments.pods),
            ("--label", arguments.labels), ("--container", arguments.containers),
            ("--container-id", arguments.containerIDs), ("--process", arguments.processes),
            ("--parent", arguments.parents), ("--ancestor", arguments.ancestors),
            ("--arguments", arguments.processArguments), ("--parent-arguments", arguments.parentArguments),
            ("--pid-set", arguments.pidTrees.map(String.init)), ("--cel", arguments.expressions),
            ("--include-fields", arguments.includedFields), ("--exclude-fields", arguments.excludedFields),
            ("--aggregate", arguments.aggregationWindow == nil ? [] : [""]),
            ("--aggregate-processes", arguments.aggregatesProcesses ? [""] : []),
        ].filter { !$0.1.isEmpty }
        guard beyond.isEmpty else { throw Unsupported(flags: beyond.map(\.0)) }
        self.arguments = arguments
        kinds = Set(arguments.wantedKinds.map(\.rawValue))
        namespaces = Set(arguments.namespaces)
        pids = Set(arguments.pids)
        policies = Set(arguments.policies)
    }

    package func matches(_ event: Tetragon_GetEventsResponse) -> Bool {
        if !kinds.isEmpty && !kinds.contains(event.kind.rawValue) { return false }
        if !policies.isEmpty {
            guard let policy = event.policyName, policies.contains(policy) else { return false }
        }
        if !namespaces.isEmpty || !pids.isEmpty {
            guard let process = event.process else { return false }
            if !namespaces.isEmpty && !namespaces.contains(process.pod.namespace) { return false }
            if !pids.isEmpty && !pids.contains(process.pid.value) { return false }
        }
        if arguments.hasNoProbes && event.mayBeProbe { return false }
        return arguments.wants(event)
    }
}

extension Tetragon_GetEventsResponse {
    /// The process or its parent may be an exec probe of the kubelet.
    fileprivate var mayBeProbe: Bool {
        [process, parent].contains { $0?.pod.container.maybeExecProbe == true }
    }
}
