// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CLICore
import TetragonAPI

/// Which events to ask for.
struct EventFilterOptions: ParsableArguments {
    @Option(
        name: [.customShort("n"), .customLong("namespace")],
        help: ArgumentHelp(
            "Only processes of pods in these namespaces; whole names, separated by commas.", valueName: "names"),
        transform: listOfWords)
    var namespaces: [[String]] = []

    @Flag(help: "Only processes of the host and of containers without a pod; with --namespace, these as well.")
    var host = false

    @Option(
        name: .customLong("namespace-regex"),
        help: ArgumentHelp("Only processes of pods whose namespace matches.", valueName: "regex"))
    var namespaceExpressions: [String] = []

    @Option(name: .customLong("pod"), help: ArgumentHelp("Only pods whose name matches.", valueName: "regex"))
    var pods: [String] = []

    @Option(
        name: .customLong("label"),
        help: ArgumentHelp("Only pods with these labels: 'app=web,tier!=db', 'app in (a,b)'.", valueName: "selector"))
    var labels: [String] = []

    @Option(
        name: [.customLong("container"), .customLong("containers")],
        help: ArgumentHelp("Only containers whose name matches.", valueName: "regex"))
    var containers: [String] = []

    @Option(
        name: .customLong("container-id"),
        help: ArgumentHelp("Only containers whose id matches: '^4f1e' for its beginning.", valueName: "regex"))
    var containerIDs: [String] = []

    @Option(
        name: .customLong("process"),
        help: ArgumentHelp("Only processes whose binary matches, '/sh$'.", valueName: "regex"))
    var processes: [String] = []

    // What is looked for may begin with a dash.
    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Only processes whose arguments match.", valueName: "regex"))
    var arguments: [String] = []

    @Option(
        name: .customLong("parent"),
        help: ArgumentHelp("Only processes whose parent's binary matches.", valueName: "regex"))
    var parents: [String] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Only processes whose parent's arguments match.", valueName: "regex"))
    var parentArguments: [String] = []

    @Option(
        name: .customLong("ancestor"),
        help: ArgumentHelp("Only processes with a binary above the parent's that matches.", valueName: "regex"))
    var ancestors: [String] = []

    @Option(
        name: .customLong("pid"), help: ArgumentHelp("Only these pids, as the host sees them.", valueName: "pids"),
        transform: listOfPIDs)
    var pids: [[UInt32]] = []

    @Option(
        name: .customLong("pid-set"),
        help: ArgumentHelp("Only these pids and what descends from them.", valueName: "pids"), transform: listOfPIDs)
    var pidTrees: [[UInt32]] = []

    @Flag(
        help: """
            Only what was brought into a container from outside: kubectl exec, runc exec, nsenter. Only execs, unless \
            --event-types says otherwise.
            """)
    var injected = false

    @Flag(help: "Nothing that may be an exec probe of the kubelet.")
    var noProbes = false

    @Option(
        name: [.customShort("e"), .long],
        help: ArgumentHelp(
            "Only these kinds of events: PROCESS_EXEC,PROCESS_EXIT or exec,exit.", valueName: "kinds"),
        completion: .list(EventKind.names),
        transform: { text in
            try listOfWords(text).map {
                guard let kind = EventKind.named($0) else {
                    throw ValidationError(
                        "\($0.terminalWord) is no kind of event; there are \(EventKind.names.joined(separator: ", "))")
                }
                return kind
            }
        })
    var eventTypes: [[Tetragon_EventType]] = []

    @Option(
        help: ArgumentHelp("Only events of these policies; whole names, separated by commas.", valueName: "names"),
        transform: listOfWords)
    var policyNames: [[String]] = []

    @Option(
        name: [.customLong("cel"), .customLong("cel-expression")],
        help: ArgumentHelp(
            "Only events for which this CEL expression is true: 'process_exec.process.uid == uint(0)'.",
            valueName: "expression"))
    var expressions: [String] = []

    @Option(
        name: [.customShort("f"), .long],
        help: ArgumentHelp(
            "Only these fields, by their paths in the event: process.pod.name,parent.binary.", valueName: "paths"),
        transform: listOfWords)
    var includeFields: [[String]] = []

    @Option(
        name: [.customShort("F"), .long],
        help: ArgumentHelp("All fields but these.", valueName: "paths"), transform: listOfWords)
    var excludeFields: [[String]] = []

    func validate() throws {
        let needed: Set = ["process", "process.phase", "process.in_init_tree", "process.container"]
        if injected, let path = excludeFields.joined().first(where: needed.contains) {
            throw ValidationError("--injected cannot do without \(path), which --exclude-fields takes away")
        }
    }

    /// What the flags say.
    var filter: FilterArguments {
        var filter = FilterArguments()
        filter.namespaces = Array(namespaces.joined()) + (host ? [""] : [])
        filter.namespaceExpressions = namespaceExpressions
        filter.pods = pods
        filter.labels = labels
        filter.containers = containers
        filter.containerIDs = containerIDs
        filter.processes = processes
        filter.processArguments = arguments
        filter.parents = parents
        filter.parentArguments = parentArguments
        filter.ancestors = ancestors
        filter.pids = Array(pids.joined())
        filter.pidTrees = Array(pidTrees.joined())
        filter.kinds = Array(eventTypes.joined())
        filter.policies = Array(policyNames.joined())
        filter.expressions = expressions
        filter.isInjected = injected
        filter.hasNoProbes = noProbes
        filter.includedFields = Array(includeFields.joined())
        filter.excludedFields = Array(excludeFields.joined())
        return filter
    }
}

/// The words of a list separated by commas; at least one.
private func listOfWords(_ text: String) throws -> [String] {
    let words = text.split(separator: ",").map(String.init)
    guard !words.isEmpty else { throw ValidationError("there is nothing in the list \(text.terminalWord)") }
    return words
}

private func listOfPIDs(_ text: String) throws -> [UInt32] {
    try listOfWords(text).map {
        guard let pid = UInt32($0), pid > 0 else { throw ValidationError("\($0.terminalWord) is no pid") }
        return pid
    }
}
