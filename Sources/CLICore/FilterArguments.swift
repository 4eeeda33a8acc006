// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf
package import TetragonAPI

/// Which events a user has asked for, and in which form, as the command line has it.
///
/// Several values for one thing: any of them will do. Several things: all of them must be so. Regular expressions are
/// RE2's, match anywhere, and are the agent's to judge.
package struct FilterArguments: Sendable, Equatable {
    /// Namespaces of pods, whole; the empty one stands for what is in no pod.
    package var namespaces: [String] = []
    /// Regular expressions on the pod's namespace.
    package var namespaceExpressions: [String] = []
    /// Regular expressions on the pod's name.
    package var pods: [String] = []
    /// Selectors on the pod's labels, in the syntax of Kubernetes.
    package var labels: [String] = []
    /// Regular expressions on the container's name.
    package var containers: [String] = []
    /// Regular expressions on the container's id.
    package var containerIDs: [String] = []
    /// Regular expressions on the binary of the process, its parent, and those above the parent.
    package var processes: [String] = []
    package var parents: [String] = []
    package var ancestors: [String] = []
    /// Regular expressions on the arguments of the process and of its parent.
    package var processArguments: [String] = []
    package var parentArguments: [String] = []
    /// Pids on the host; in the second list with all that descends from them.
    package var pids: [UInt32] = []
    package var pidTrees: [UInt32] = []
    package var kinds: [Tetragon_EventType] = []
    /// Names of policies, whole.
    package var policies: [String] = []
    /// CEL expressions over the event.
    package var expressions: [String] = []
    /// Only what was brought into a container from outside; only its execs, where no kinds are asked for.
    package var isInjected = false
    /// Nothing that may be a probe of the kubelet.
    package var hasNoProbes = false
    /// Paths of the fields to send, and of those not to.
    package var includedFields: [String] = []
    package var excludedFields: [String] = []
    /// For how long events that tell of the same are gathered into one; nil: they are not.
    package var aggregationWindow: Duration?
    /// Execs and exits too.
    package var aggregatesProcesses = false

    package init() {}

    /// The request that asks an agent for these events.
    package var request: Tetragon_GetEventsRequest {
        .with {
            let filter = allowed
            if filter != Tetragon_Filter() { $0.allowList = [filter] }
            if hasNoProbes { $0.denyList = [.with { $0.healthCheck = true }] }
            $0.fieldFilters = fieldFilters
            if let aggregationWindow { $0.aggregationOptions.windowSize = .init(rounding: aggregationWindow) }
            if aggregatesProcesses {
                // Where no window is given it is the agent's usual one.
                if aggregationWindow == nil { $0.aggregationOptions = .init() }
                $0.options.aggregateProcesses = true
            }
        }
    }

    private var allowed: Tetragon_Filter {
        .with {
            $0.namespace = namespaces
            $0.namespaceRegex = namespaceExpressions
            $0.podRegex = pods
            $0.labels = labels
            $0.containerNameRegex = containers
            $0.containerID = containerIDs
            $0.binaryRegex = processes
            $0.parentBinaryRegex = parents
            $0.ancestorBinaryRegex = ancestors
            $0.argumentsRegex = processArguments
            $0.parentArgumentsRegex = parentArguments
            $0.pid = pids
            $0.pidSet = pidTrees
            $0.eventSet = wantedKinds
            $0.policyNames = policies
            $0.celExpression = expressions
            if isInjected {
                $0.inInitTree = false
                // The host's processes descend from no entrypoint either. Any id will do.
                if containerIDs.isEmpty { $0.containerID = ["."] }
            }
        }
    }

    var wantedKinds: [Tetragon_EventType] {
        isInjected && kinds.isEmpty ? [.processExec] : kinds
    }

    private var fieldFilters: [Tetragon_FieldFilter] {
        var filters: [Tetragon_FieldFilter] = []
        if !includedFields.isEmpty {
            // What tells an injected process from one that makes the container.
            let needed = isInjected ? ["process.phase", "process.in_init_tree", "process.container.id"] : []
            filters.append(
                .with {
                    $0.fields = Google_Protobuf_FieldMask(protoPaths: includedFields + needed)
                    $0.action = .include
                })
        }
        if !excludedFields.isEmpty {
            filters.append(
                .with {
                    $0.fields = Google_Protobuf_FieldMask(protoPaths: excludedFields)
                    $0.action = .exclude
                })
        }
        return filters
    }

    /// Whether an event that the agent has sent is wanted. A filter cannot name the programs that make a container;
    /// they are no injection, though they are not of its tree.
    package func wants(_ event: Tetragon_GetEventsResponse) -> Bool {
        // What is missing may have been what is wanted.
        if case .loss = event.event { return true }
        return !isInjected || Origin(of: event.process, node: event.nodeName).tree == .injected
    }
}
