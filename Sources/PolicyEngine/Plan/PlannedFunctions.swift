// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Policies
internal import RE2
internal import Sensors

/// Functions of the kernel, and system calls.
extension Planning {
    /// What a hook's call is.
    private enum Calls {
        case functions([String], isGenerated: Bool)
        case systemCalls([SystemCallName], isGenerated: Bool)
    }

    mutating func planProbe(_ probe: Kprobe, at path: String) {
        guard let calls = calls(probe.call, isSystemCall: probe.isSystemCall, "\(path).call") else { return }
        var request = HookRequest(
            path: path, kind: .function, arguments: probe.arguments,
            returnArgument: probe.hasReturn ? probe.returnArgument : nil, returnAction: probe.returnArgumentAction,
            selectors: probe.selectors, message: probe.message, tags: probe.tags)
        switch calls {
        case .functions(let names, let isGenerated):
            request.functions = names
            request.isNamed = !isGenerated
            plan(request, functions: names, isOptional: isGenerated || probe.mayBeMissing)
        case .systemCalls(let names, let isGenerated):
            request.kind = .systemCall
            request.isNamed = !isGenerated
            plan(request, systemCalls: names, isOptional: isGenerated || probe.mayBeMissing)
        }
    }

    private mutating func calls(_ target: CallTarget, isSystemCall: Bool, _ path: String) -> Calls? {
        switch target {
        case .symbol(let name):
            guard isSystemCall else { return .functions([name], isGenerated: false) }
            guard let call = systemCall(name, path) else { return nil }
            return .systemCalls([call], isGenerated: false)
        case .list(let name):
            guard let list = spec.lists.first(where: { $0.name == name }) else { return nil }
            switch list.kind {
            case .functions: return .functions(list.values.unique, isGenerated: false)
            case .generatedFunctions:
                let names = functions(of: list, path)
                return names.isEmpty ? nil : .functions(names, isGenerated: true)
            case .systemCalls, .generatedSystemCalls:
                let calls = systemCalls(of: list, path)
                return calls.isEmpty ? nil : .systemCalls(calls, isGenerated: list.kind == .generatedSystemCalls)
            }
        }
    }

    private mutating func systemCall(_ name: String, _ path: String) -> SystemCallName? {
        if let call = SystemCallName(name) { return call }
        report(
            path, "\(name) is not called as system calls are (sys_…)",
            "write syscall: false if it is another function of the kernel")
        return nil
    }

    /// Those of a list of system calls, each once.
    mutating func systemCalls(of list: FunctionList, _ path: String) -> [SystemCallName] {
        if list.kind == .generatedSystemCalls {
            let names = kernel.systemCalls
            if names.isEmpty {
                report(path, "the list \(list.name) is empty: this machine's system calls are not known")
            }
            return names.map { SystemCallName(name: $0) }
        }
        return list.values.compactMap { systemCall($0, path) }.unique
    }

    private mutating func functions(of list: FunctionList, _ path: String) -> [String] {
        guard let pattern = list.pattern, let expression = try? RegularExpression(pattern) else { return [] }
        let names = kernel.functions { expression.matches($0) }.unique
        if names.isEmpty {
            report(
                path, "no function that this kernel can trace matches the pattern of the list \(list.name)",
                "see /sys/kernel/tracing/available_filter_functions for what there is")
        }
        return names
    }

    // MARK: System calls

    private mutating func plan(_ request: HookRequest, systemCalls calls: [SystemCallName], isOptional: Bool) {
        let choice = systemCallMethod(overriding: request.override)
        guard let (method, reason) = choice else { return }
        let draft = draft(request)
        if method == .rawSyscall {
            return planRaw(request, draft, calls, reason, isOptional)
        }
        var (functions, absent): ([String], [String]) = ([], [])
        for call in calls {
            let names = call.functions(prefix: kernel.systemCallPrefix)
            if let name = names.first(where: kernel.hasFunction) {
                functions.append(name)
            } else {
                absent.append("the system call \(call.text) (no function \(names[0]))")
            }
        }
        leaveOut(absent, request, isOptional: isOptional)
        add(request, draft, functions.unique, method, reason, isSystemCall: true)
    }

    /// Without kprobes, by what sees all system calls.
    private mutating func planRaw(
        _ request: HookRequest, _ draft: HookDraft, _ names: [SystemCallName], _ reason: String, _ isOptional: Bool
    ) {
        var calls: [HookPlan.SystemCall] = []
        var (shown, absent): ([String], [String]) = ([], [])
        for name in names {
            guard let call = kernel.numbered(name) else {
                absent.append("the system call \(name.text)")
                continue
            }
            calls.append(call)
            shown.append(name.displayed(prefix: kernel.systemCallPrefix))
        }
        leaveOut(absent, request, isOptional: isOptional)
        guard !calls.isEmpty else { return }
        var draft = draft
        draft.shape.has_functions = calls.count > 1 ? 1 : 0
        var hook = draft.hook(.systemCalls(calls), .function(shown), .rawSyscall, reason, request, policy)
        remarkOnActs(request, names, &hook)
        plan.hooks.append(hook)
    }

    /// How a system call is hooked; nil where there is a problem.
    ///
    /// - Parameter override: The place of the action that overrides it; nil where none does.
    mutating func systemCallMethod(overriding override: String?) -> (HookPlan.Method, String)? {
        if let override {
            if let choice = overridingMethod() { return choice }
            reportUnlessMonitored(
                override, "no system call can be made to fail here: \(overrideLack())",
                "prevent it at an LSM hook or at a function named security_…; or kill with Sigkill, which is after the "
                    + "call")
            // What else is wrong is told, too.
        }
        if kernel.has(.kprobe) { return (.kprobe, "the kernel has kprobes") }
        if kernel.has(.rawTracepoint) { return (.rawSyscall, lack(.kprobe, "kprobes")) }
        report(
            "spec",
            "system calls cannot be watched: \(lack(.kprobe, "kprobes")), and "
                + lack(.rawTracepoint, "raw tracepoints"))
        return nil
    }

    private func overridingMethod() -> (HookPlan.Method, String)? {
        let wanted = spec.options.overrideMethod
        if wanted != .fmodRet, kernel.has(.kprobe), kernel.has(.overrideReturn) {
            return (.kprobeOverride, "the kernel has kprobes and error injection")
        }
        if wanted != .overrideReturn, kernel.has(.modifySyscall) {
            return (.fmodRet, "the kernel lets fmod_ret change what system calls return")
        }
        return nil
    }

    private func overrideLack() -> String {
        let helper = kernel.has(.kprobe) ? lack(.overrideReturn, "error injection") : lack(.kprobe, "kprobes")
        let fmodRet = lack(.modifySyscall, "fmod_ret on system calls")
        return switch spec.options.overrideMethod {
        case .overrideReturn: "\(helper), and the option override-method asks for it"
        case .fmodRet: "\(fmodRet), and the option override-method asks for it"
        case nil: "\(helper), and \(fmodRet)"
        }
    }

    // MARK: Functions

    private mutating func plan(_ request: HookRequest, functions names: [String], isOptional: Bool) {
        let override = request.override
        guard let observing = functionMethod(request) else { return }
        let draft = draft(request)
        var byMethod: [(HookPlan.Method, String, [String])] = []
        var absent: [String] = []
        for name in names {
            guard kernel.hasFunction(name) else {
                absent.append("the function \(name)")
                continue
            }
            let (method, reason) = override.flatMap { functionOverride(of: name, $0) } ?? observing
            if let index = byMethod.firstIndex(where: { $0.0 == method }) {
                byMethod[index].2.append(name)
            } else {
                byMethod.append((method, reason, [name]))
            }
        }
        leaveOut(absent, request, isOptional: isOptional)
        for (method, reason, names) in byMethod {
            add(request, draft, names, method, reason, isSystemCall: false)
        }
    }

    /// How a function is hooked that is not overridden; nil where there is a problem.
    private mutating func functionMethod(_ request: HookRequest) -> (HookPlan.Method, String)? {
        if kernel.has(.kprobe) { return (.kprobe, "the kernel has kprobes") }
        let wantsReturn = request.returnArgument != nil || request.arguments.contains(where: \.isReadAtReturn)
        if kernel.has(.fentry), !wantsReturn || kernel.has(.fexit) { return (.fentry, lack(.kprobe, "kprobes")) }
        let feature: KernelFeature.Name = kernel.has(.fentry) ? .fexit : .fentry
        report(
            "\(request.path).call",
            "functions of the kernel cannot be watched: \(lack(.kprobe, "kprobes")), and "
                + lack(feature, "\(feature.rawValue) programs"),
            "watch the system call or a tracepoint that leads there")
        return nil
    }

    /// How a function is overridden; nil where there is a problem.
    private mutating func functionOverride(of name: String, _ path: String) -> (HookPlan.Method, String)? {
        guard name.isSecurityFunction else { return systemCallMethod(overriding: path) }
        if spec.options.overrideMethod == .overrideReturn {
            reportUnlessMonitored(
                path,
                "Override: \(name) cannot be overridden by error injection, which has system calls only, and the "
                    + "option override-method asks for it", "leave the option out")
            return nil
        }
        guard kernel.has(.modifySecurity) else {
            reportUnlessMonitored(
                path, "Override: \(name) cannot be overridden here: \(lack(.modifySecurity, "fmod_ret on it"))",
                "kill with Sigkill, which is after the call")
            return nil
        }
        if let prototype = kernel.prototype(of: name), !prototype.returnsValue {
            reportUnlessMonitored(path, "Override: \(name) returns nothing, so it cannot return an error")
            return nil
        }
        return (.fmodRet, "it overrides, and the kernel has fmod_ret on functions named security_…")
    }

    // MARK: Both

    private mutating func leaveOut(_ absent: [String], _ request: HookRequest, isOptional: Bool) {
        guard isOptional else {
            for what in absent {
                reportAbsence(
                    "\(request.path).call", "this kernel has not \(what)",
                    "check the name in /proc/kallsyms, or write ignore: {callNotFound: true} if the policy is to do "
                        + "without")
            }
            return
        }
        guard !absent.isEmpty else { return }
        if request.isNamed, let origin = HookOrigin(path: request.path) { plan.leftOut.insert(origin) }
        plan.remarks.append(
            "\(request.path): left out, because this kernel has not "
                + absent.prefix(4).joined(separator: ", ") + (absent.count > 4 ? ", and \(absent.count - 4) more" : ""))
    }

    /// Hooks on functions that are there.
    private mutating func add(
        _ request: HookRequest, _ draft: HookDraft, _ functions: [String], _ method: HookPlan.Method,
        _ reason: String, isSystemCall: Bool
    ) {
        guard !functions.isEmpty else { return }
        // Trampolines are of one function each; kprobes can share a program.
        let isShared = method == .kprobe || method == .kprobeOverride
        let isAtOnce =
            functions.count > 1 && method == .kprobe && kernel.has(.kprobeMulti) && !spec.options.disablesKprobeMulti
        let most = isShared ? isAtOnce ? Self.mostFunctionsAtOnce : Self.mostFunctions : Self.mostHooks
        guard functions.count <= most else {
            return report(
                "\(request.path).call",
                "a hook is on at most \(most) functions here, and this is on \(functions.count)",
                isShared && !isAtOnce
                    ? "kprobe.multi would take \(Self.mostFunctionsAtOnce): "
                        + (spec.options.disablesKprobeMulti
                            ? "an option disables it" : lack(.kprobeMulti, "such links"))
                    : "narrow the list")
        }
        checkReturn(request, draft, method)
        for functions in isShared ? [functions] : functions.map({ [$0] }) {
            guard plan.hooks.count <= Self.mostHooks else {
                unplannedHooks += 1
                continue
            }
            if !isSystemCall, functions.count == 1 { checkParameters(request, functions[0], method) }
            var draft = draft
            draft.shape.has_functions = functions.count > 1 ? 1 : 0
            var why = reason
            if functions.count > 1 {
                why +=
                    isAtOnce
                    ? "; one link for all (kprobe.multi)"
                    : "; one after another, "
                        + (method == .kprobeOverride
                            ? "as overriding asks"
                            : spec.options.disablesKprobeMulti
                                ? "as an option asks" : "without kprobe.multi")
            }
            var hook = draft.hook(.functions(functions), .function(functions), method, why, request, policy)
            hook.isAttachedAtOnce = isAtOnce
            if isSystemCall {
                remarkOnActs(request, functions.compactMap(SystemCallName.init), &hook)
            } else if method == .kprobe {
                hook.remarks.append(Self.recursionRemark)
            }
            plan.hooks.append(hook)
        }
    }

    private mutating func checkReturn(_ request: HookRequest, _ draft: HookDraft, _ method: HookPlan.Method) {
        guard draft.shape.has_return != 0, method == .fmodRet, !kernel.has(.fexit) else { return }
        report("\(request.path).return", "what it returns is not seen: \(lack(.fexit, "fexit programs"))")
    }

    /// What types say of the function: a trampoline passes no more, a kprobe whatever is in a register.
    private mutating func checkParameters(_ request: HookRequest, _ function: String, _ method: HookPlan.Method) {
        guard let prototype = kernel.prototype(of: function) else { return }
        for (index, argument) in request.arguments.enumerated() where argument.index >= prototype.parameters {
            let text = "\(function) has \(prototype.parameters) arguments, so there is no argument \(argument.index)"
            if method == .kprobe {
                plan.remarks.append("\(request.path).args[\(index)]: \(text): what is shown is what a register holds")
            } else {
                report("\(request.path).args[\(index)].index", text)
            }
        }
    }

    static var recursionRemark: String {
        "where it happens inside another kprobe or tracepoint program on the same CPU the kernel skips it; that is counted"
    }

    /// What people may take for prevented.
    private func remarkOnActs(_ request: HookRequest, _ calls: [SystemCallName], _ hook: inout HookPlan) {
        guard !isMonitored, request.has(\.isForbidding), !calls.contains(where: \.is32Bit) else { return }
        hook.remarks.append(
            "32-bit programs call it by another number, which is not in the policy: name abi32/… in a list of system calls"
        )
    }
}

extension String {
    var isSecurityFunction: Bool { hasPrefix("security_") }
}

extension Action {
    var isForbidding: Bool {
        switch self {
        case .sigkill, .signal, .override, .notifyEnforcer: true
        default: false
        }
    }
}
