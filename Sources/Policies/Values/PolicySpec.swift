// SPDX-License-Identifier: Apache-2.0
internal import Models

/// What a policy watches and does.
package struct PolicySpec: Sendable, Equatable {
    package var kprobes: [Kprobe] = []
    package var tracepoints: [Tracepoint] = []
    package var uprobes: [Uprobe] = []
    package var usdtProbes: [USDTProbe] = []
    package var lsmHooks: [LSMHook] = []
    /// Events of programs and libraries that are mapped to be run.
    package var hasLoader = false
    package var lists: [FunctionList] = []
    /// Calls on which NotifyEnforcer acts.
    package var enforcedCalls: [CallTarget] = []
    package var options = PolicyOptions()
    /// nil: of everything, the host too; an empty one: of all pods. See docs/tracing-policy.md.
    package var podSelector: LabelSelector?
    package var containerSelector: LabelSelector?
    /// Also what runs on the host, where there are selectors of pods or containers.
    package var includesHost = false

    package init() {}
}

extension PolicySpec {
    private static let maximumHooks = 256

    static let schema = ObjectSchema(
        "Spec", PolicySpec(), doc: "What the policy watches and does.",
        [
            .field(
                "kprobes", \.kprobes, .list(of: .object(Kprobe.schema), 0...maximumHooks, placeholder: Kprobe()),
                "Functions of the kernel, and system calls."),
            .field(
                "tracepoints", \.tracepoints,
                .list(of: .object(Tracepoint.schema), 0...maximumHooks, placeholder: Tracepoint()),
                "Tracepoints of the kernel."),
            .field(
                "uprobes", \.uprobes, .list(of: .object(Uprobe.schema), 0...maximumHooks, placeholder: Uprobe()),
                "Functions of programs and libraries."),
            .field(
                "usdts", \.usdtProbes, .list(of: .object(USDTProbe.schema), 0...maximumHooks, placeholder: USDTProbe()),
                since: .later, "Probes that programs and libraries bring."),
            .field(
                "lsmhooks", \.lsmHooks, .list(of: .object(LSMHook.schema), 0...maximumHooks, placeholder: LSMHook()),
                "Hooks for security modules."),
            .field("loader", \.hasLoader, .boolean, "Events of programs and libraries that are mapped to be run."),
            .field(
                "lists", \.lists, .list(of: .object(FunctionList.schema), 0...64, placeholder: FunctionList()),
                "Functions and system calls under a name that hooks refer to."),
            .field(
                "enforcers", \.enforcedCalls,
                Codec<[Enforcer]>.list(of: .object(Enforcer.schema), 0...1).converted { enforcers, _ in
                    enforcers.flatMap(\.calls)
                }, "Calls on which NotifyEnforcer acts."),
            .field("options", \.options, PolicyOptions.codec, "How the policy is loaded."),
            .optional(
                "podSelector", \.podSelector, .object(LabelSelector.podSchema),
                "Only in these pods; in all if it is empty."),
            .optional(
                "containerSelector", \.containerSelector, .object(LabelSelector.containerSchema),
                "Only in these containers; in all of pods if it is empty."),
            .field(
                "hostSelector", \.includesHost,
                Codec<HostSelector>.object(HostSelector.schema).converted { _, _ in true },
                since: .later, "On the host as well. Empty: {}."),
        ], judgesParts: true, rule: check)

    private struct Enforcer: Sendable {
        var calls: [CallTarget] = []

        static let schema = ObjectSchema(
            "Enforcer", Enforcer(), doc: "Calls on which NotifyEnforcer acts.",
            [
                .field(
                    "calls", \.calls, .list(of: CallTarget.codec, 1...1024), isRequired: true,
                    "System calls, functions named security_…, or list:NAME.")
            ]
        ) { enforcer, reading in
            for (index, call) in enforcer.calls.enumerated() {
                guard case .symbol(let name) = call, !name.isSystemCall, !name.isSecurityFunction else { continue }
                reading.report(
                    [.field("calls"), .index(index)],
                    "only system calls (sys_…) and functions named security_… can be enforced, not \(name.quoted)")
            }
        }
    }

    private struct HostSelector: Sendable {
        static let schema = ObjectSchema(
            "HostSelector", HostSelector(), doc: "The host. Nothing can be said of it.", [])
    }
}

extension PolicySpec {
    /// What hooks say of lists and enforcers.
    private static func check(_ spec: PolicySpec, _ reading: inout Reading) {
        guard reading.isClean(.field("lists")) else { return }
        var lists: [String: FunctionList] = [:]
        for (index, list) in spec.lists.enumerated() where lists.updateValue(list, forKey: list.name) != nil {
            reading.report(
                [.field("lists"), .index(index), .field("name")], "two lists are called \(list.name.quoted)")
        }
        for (index, call) in spec.enforcedCalls.enumerated() {
            guard case .list(let name) = call, reading.isClean(.field("enforcers")) else { continue }
            reading.within(.field("enforcers"), .index(0), .field("calls"), .index(index)) { reading in
                guard let list = require(name, lists, &reading) else { return }
                let other =
                    list.kind == .functions ? list.values.first { !$0.isSystemCall && !$0.isSecurityFunction } : nil
                if list.kind == .generatedFunctions || other != nil {
                    reading.report(
                        "the list \(name.quoted) has functions that are no system calls and not named security_…")
                }
            }
        }
        for (index, probe) in spec.kprobes.enumerated() {
            reading.within(.field("kprobes"), .index(index)) { reading in
                guard reading.isClean(), case .list(let name) = probe.call else { return }
                let list = reading.within(.field("call")) { require(name, lists, &$0) }
                guard let list, list.kind == .functions || list.kind == .generatedFunctions, !probe.isSystemCall else {
                    return
                }
                checkOverrides(of: probe, list, &reading)
            }
        }
        let hooks = [
            ("kprobes", spec.kprobes.map(\.selectors)), ("tracepoints", spec.tracepoints.map(\.selectors)),
            ("uprobes", spec.uprobes.map(\.selectors)), ("usdts", spec.usdtProbes.map(\.selectors)),
            ("lsmhooks", spec.lsmHooks.map(\.selectors)),
        ]
        for (field, hooks) in hooks {
            for (index, selectors) in hooks.enumerated() {
                reading.within(.field(field), .index(index)) { reading in
                    guard reading.isClean() else { return }
                    checkLists(selectors, lists, &reading)
                    if spec.enforcedCalls.isEmpty { checkEnforcers(selectors, &reading) }
                }
            }
        }
    }

    private static func require(_ name: String, _ lists: [String: FunctionList], _ reading: inout Reading)
        -> FunctionList?
    {
        if let list = lists[name] { return list }
        reading.report(
            "there is no list called \(name.quoted)", expected: "the name of one of lists", found: name.quoted,
            nearest: nearestName(to: name, among: lists.keys.sorted()))
        return nil
    }

    private static func checkOverrides(of probe: Kprobe, _ list: FunctionList, _ reading: inout Reading) {
        guard
            list.kind == .generatedFunctions
                || list.values.contains(where: { !$0.isSecurityFunction && !$0.isSystemCall })
        else { return }
        for (place, _) in probe.selectors.actions(where: { if case .override = $0 { true } else { false } }) {
            reading.report(
                [
                    .field("selectors"), .index(place.selector), .field(place.field), .index(place.action),
                    .field("action"),
                ],
                "only system calls and functions named security_… can be overridden, and the list \(list.name.quoted) has others"
            )
        }
    }

    private static func checkLists(
        _ selectors: [Selector], _ lists: [String: FunctionList], _ reading: inout Reading
    ) {
        for (number, selector) in selectors.enumerated() {
            for (field, matches) in [
                ("matchArgs", selector.arguments), ("matchReturnArgs", selector.returnArguments),
            ] {
                for (position, match) in matches.enumerated() {
                    for (index, value) in match.values.enumerated() where match.namesList(value) {
                        reading.within(
                            .field("selectors"), .index(number), .field(field), .index(position), .field("values"),
                            .index(index)
                        ) { reading in
                            guard let list = require(String(value.dropFirst(5)), lists, &reading) else { return }
                            if list.kind != .systemCalls && list.kind != .generatedSystemCalls {
                                reading.report(
                                    "the list \(list.name.quoted) is not of system calls but of type \(list.kind.name)")
                            }
                        }
                    }
                }
            }
        }
    }

    private static func checkEnforcers(_ selectors: [Selector], _ reading: inout Reading) {
        guard reading.isClean() else { return }
        for (place, _) in selectors.actions(where: { if case .notifyEnforcer = $0 { true } else { false } }) {
            reading.report(
                [
                    .field("selectors"), .index(place.selector), .field(place.field), .index(place.action),
                    .field("action"),
                ],
                "the policy has no enforcers that could be notified")
        }
    }
}

extension ArgumentMatch {
    fileprivate func namesList(_ value: String) -> Bool {
        (comparison == .inMap || comparison == .notInMap) && value.hasPrefix("list:")
    }
}
