// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Policies
internal import Sensors

/// Tracepoints, LSM hooks, functions of programs, mapped files, enforcers.
extension Planning {
    mutating func planTracepoint(_ hook: Tracepoint, at path: String) {
        var request = HookRequest(
            path: path, kind: .rawTracepoint, arguments: hook.arguments, selectors: hook.selectors,
            message: hook.message, tags: hook.tags)
        let described = HookDescription.Place.tracepoint(subsystem: hook.subsystem, event: hook.event)
        if hook.isRaw { return planRawTracepoint(request, hook.event, described) }
        guard kernel.has(.tracepoint) else {
            return report(path, "tracepoints cannot be had: \(lack(.tracepoint, "tracepoints for programs"))")
        }
        guard let fields = kernel.tracepointFormat(subsystem: hook.subsystem, event: hook.event), !fields.isEmpty else {
            return reportAbsence(
                "\(path).event", "this kernel has not the tracepoint \(hook.subsystem)/\(hook.event)",
                "see /sys/kernel/tracing/available_events for what there is")
        }
        let isSystemCall = hook.subsystem == "syscalls" || hook.subsystem == "raw_syscalls"
        request.kind = .tracepoint(fields, isSystemCall: isSystemCall)
        var planned = draft(request).hook(
            .tracepoint(subsystem: hook.subsystem, event: hook.event), described, .tracepoint,
            "its record has the fields", request, policy)
        if !isSystemCall { planned.remarks.append(Self.recursionRemark) }
        plan.hooks.append(planned)
    }

    private mutating func planRawTracepoint(_ request: HookRequest, _ event: String, _ described: HookDescription.Place)
    {
        let path = request.path
        guard kernel.has(.rawTracepoint) else {
            return report(path, "raw tracepoints cannot be had: \(lack(.rawTracepoint, "raw tracepoints"))")
        }
        guard let count = kernel.rawTracepointValues(event) else {
            return reportAbsence(
                "\(path).event", "this kernel has not the tracepoint \(event)",
                "write raw: false if it is one of a system call (sys_enter_…): those have a record only")
        }
        for (index, argument) in request.arguments.enumerated() where argument.index >= count {
            report(
                "\(path).args[\(index)].index",
                "\(event) passes \(count) values, so there is no value \(argument.index)")
        }
        var request = request
        request.rawTracepoint = event
        plan.hooks.append(
            draft(request).hook(
                .rawTracepoint(event), described, .rawTracepoint, "raw: true", request, policy))
    }

    mutating func planSecurityHook(_ hook: LSMHook, at path: String) {
        let request = HookRequest(
            path: path, kind: .securityHook(hook.hook), arguments: hook.arguments, selectors: hook.selectors,
            message: hook.message, tags: hook.tags)
        let advice = "a hook on the function security_\(hook.hook) under kprobes sees the same where there are kprobes"
        guard kernel.has(.lsm) else {
            return report(path, "LSM hooks cannot be had: \(lack(.lsm, "LSM programs"))", advice)
        }
        guard kernel.has(.lsmActive) else {
            return report(
                path, "LSM programs would load and never be called: \(kernel.absence(of: .lsmActive))",
                "boot with bpf in the parameter lsm=")
        }
        guard kernel.hasSecurityHook(hook.hook) else {
            return reportAbsence(
                "\(path).hook", "this kernel has no LSM hook \(hook.hook)", "leave out security_ and bpf_lsm_")
        }
        if let prototype = kernel.prototype(of: "bpf_lsm_\(hook.hook)") {
            for (index, argument) in hook.arguments.enumerated() where argument.index >= prototype.parameters {
                report(
                    "\(path).args[\(index)].index",
                    "\(hook.hook) passes \(prototype.parameters) values, so there is no value \(argument.index)")
            }
            if !prototype.returnsValue, let override = request.override {
                reportUnlessMonitored(override, "Override: \(hook.hook) returns nothing, so it cannot return an error")
            }
        }
        plan.hooks.append(
            draft(request).hook(
                .securityHook(hook.hook), .securityHook(hook.hook), .lsm, "the kernel asks LSM programs", request,
                policy))
    }

    mutating func planUserProbe(_ probe: Uprobe, at path: String) {
        guard kernel.has(.uprobe) else {
            return report(path, "functions of programs cannot be watched: \(lack(.uprobe, "uprobes"))")
        }
        let request = HookRequest(
            path: path, kind: .userFunction, arguments: probe.arguments,
            returnArgument: probe.hasReturn ? probe.returnArgument : nil, selectors: probe.selectors,
            message: probe.message, tags: probe.tags)
        let symbols = probe.symbols.unique.map(HookPlan.UserSymbol.name) + probe.offsets.unique.map { .offset($0) }
        var draft = draft(request)
        draft.shape.has_functions = symbols.count > 1 ? 1 : 0
        let isAtOnce = symbols.count > 1 && kernel.has(.uprobeMulti) && !spec.options.disablesUprobeMulti
        let shown = symbols.map { symbol in
            switch symbol {
            case .name(let name): name
            case .offset(let offset): "0x" + String(offset, radix: 16)
            }
        }
        var hook = draft.hook(
            .symbols(path: probe.path, symbols), .symbols(path: probe.path, shown), .uprobe,
            "the kernel has uprobes"
                + (symbols.count == 1 ? "" : isAtOnce ? "; one link for all (uprobe.multi)" : "; one after another"),
            request, policy)
        hook.isAttachedAtOnce = isAtOnce
        plan.hooks.append(hook)
    }

    // MARK: Mapped files

    /// The kernel tells of them without a program.
    mutating func planLoads(at path: String) {
        guard kernel.has(.mappedFiles) else {
            return report(
                path, "what is mapped to be run is not seen: \(lack(.mappedFiles, "perf events of mapped files"))",
                "leave it out, or watch security_mmap_file or the LSM hook mmap_file")
        }
        plan.watchesLoads = true
    }

    // MARK: Enforcers

    /// Where NotifyEnforcer is heeded: at each of the calls, by what can do what it asks for.
    mutating func planEnforcers() {
        guard !spec.enforcedCalls.isEmpty else { return }
        var notifies = false
        var override: String?
        let hooks =
            spec.kprobes.enumerated().map { ("spec.kprobes[\($0.offset)]", $0.element.selectors) }
            + spec.tracepoints.enumerated().map { ("spec.tracepoints[\($0.offset)]", $0.element.selectors) }
            + spec.lsmHooks.enumerated().map { ("spec.lsmhooks[\($0.offset)]", $0.element.selectors) }
        for (path, selectors) in hooks {
            for (number, selector) in selectors.enumerated() {
                for (field, actions) in [
                    ("matchActions", selector.actions), ("matchReturnActions", selector.returnActions),
                ] {
                    for (index, action) in actions.enumerated() {
                        guard case .notifyEnforcer(let error, _) = action else { continue }
                        notifies = true
                        if error != 0, override == nil {
                            override = "\(path).selectors[\(number)].\(field)[\(index)].argError"
                        }
                    }
                }
            }
        }
        guard notifies else {
            plan.remarks.append("spec.enforcers: nothing notifies them (NotifyEnforcer), so they do nothing")
            return
        }
        for (index, call) in spec.enforcedCalls.enumerated() {
            enforce(call, override, "spec.enforcers[0].calls[\(index)]")
        }
    }
}
