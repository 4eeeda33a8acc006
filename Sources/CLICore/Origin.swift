// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf
import TetragonAPI

/// Where a process runs, and whether it belongs there.
struct Origin {
    /// The process's relation to the container around it.
    enum Tree: String {
        /// It descends from the container's entrypoint.
        case tree
        /// It makes the container: the runtime's init, or a hook.
        case setup
        /// It was brought into the container from outside.
        case injected
        /// There is no container.
        case host
        /// The agent does not know.
        case unknown = "?"
    }

    var namespace = ""
    var pod = ""
    /// The container's name, or the beginning of its id; empty outside containers.
    var container = ""
    var node: String
    var tree: Tree
    /// How the process came here, in the API's words without their prefix; empty where the agent does not say.
    var way = ""

    /// How much of an id people are used to see.
    private static let shortIDLength = 12

    init(of process: Tetragon_Process?, node: String) {
        self.node = node
        guard let process else {
            tree = .unknown
            return
        }
        way = process.hasExecOrigin ? process.execOrigin.text : ""
        let id = process.container.id.isEmpty ? process.docker : process.container.id
        namespace = process.pod.namespace
        pod = process.pod.name
        container =
            [process.pod.container.name, process.container.name].first { !$0.isEmpty }
            ?? String(id.prefix(Self.shortIDLength))

        if !process.hasPod && !process.hasContainer && id.isEmpty {
            tree = .host
        } else if process.phase == .phaseSetup {
            tree = .setup
        } else if process.hasInInitTree {
            tree = process.inInitTree.value ? .tree : .injected
        } else {
            tree = .unknown
        }
    }

    /// `namespace/pod/container`, what there is of it; the node's name for the host.
    var path: String {
        let parts = [namespace, pod, container].filter { !$0.isEmpty }
        return parts.isEmpty ? node.terminalWord : parts.map(\.terminalWord).joined(separator: "/")
    }
}

extension Tetragon_ExecOrigin {
    /// `runtime_exec_tty`, `exec_probe(readiness)`; `unknown(readiness?)` for what looks like one.
    fileprivate var text: String {
        let word =
            switch kind {
            case .originUnknown: "unknown"
            case .originInitTree: "init_tree"
            case .originExecProbe: "exec_probe"
            case .originLifecycleHook: "lifecycle_hook"
            case .originRuntimeExec: "runtime_exec"
            case .originRuntimeExecTty: "runtime_exec_tty"
            case .originNamespaceEntry: "namespace_entry"
            case .originRuntimeSetup: "runtime_setup"
            case .originHost: "host"
            case .UNRECOGNIZED: "?"
            }
        return command.isEmpty ? word : "\(word)(\(command.terminalWord)\(kind == .originUnknown ? "?" : ""))"
    }
}

extension Tetragon_GetEventsResponse {
    /// The process that the event is about.
    var process: Tetragon_Process? {
        switch event {
        case .processExec(let event): event.hasProcess ? event.process : nil
        case .processExit(let event): event.hasProcess ? event.process : nil
        case .processKprobe(let event): event.hasProcess ? event.process : nil
        case .processTracepoint(let event): event.hasProcess ? event.process : nil
        case .processUprobe(let event): event.hasProcess ? event.process : nil
        case .processUsdt(let event): event.hasProcess ? event.process : nil
        case .processLsm(let event): event.hasProcess ? event.process : nil
        case .processLoader(let event): event.hasProcess ? event.process : nil
        case .processThrottle, .test, .rateLimitInfo, .loss, nil: nil
        }
    }

    /// That process's parent.
    var parent: Tetragon_Process? {
        switch event {
        case .processExec(let event): event.hasParent ? event.parent : nil
        case .processExit(let event): event.hasParent ? event.parent : nil
        case .processKprobe(let event): event.hasParent ? event.parent : nil
        case .processTracepoint(let event): event.hasParent ? event.parent : nil
        case .processUprobe(let event): event.hasParent ? event.parent : nil
        case .processUsdt(let event): event.hasParent ? event.parent : nil
        case .processLsm(let event): event.hasParent ? event.parent : nil
        case .processLoader, .processThrottle, .test, .rateLimitInfo, .loss, nil: nil
        }
    }
}
