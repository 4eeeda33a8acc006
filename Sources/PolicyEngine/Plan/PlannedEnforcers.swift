// SPDX-License-Identifier: Apache-2.0
internal import Policies
internal import Sensors

/// The calls at which enforcers act.
extension Planning {
    /// - Parameter override: The place of the first argError; nil where enforcers only signal.
    mutating func enforce(_ call: CallTarget, _ override: String?, _ path: String) {
        var calls: [SystemCallName] = []
        var functions: [String] = []
        switch call {
        case .symbol(let name): sort(name, &calls, &functions)
        case .list(let name):
            guard let list = spec.lists.first(where: { $0.name == name }) else { return }
            switch list.kind {
            case .systemCalls, .generatedSystemCalls: calls = systemCalls(of: list, path)
            case .functions: for name in list.values { sort(name, &calls, &functions) }
            case .generatedFunctions: return
            }
        }
        if !calls.isEmpty { enforce(calls, override, path) }
        for function in functions { enforce(function, override, path) }
    }

    private func sort(_ name: String, _ calls: inout [SystemCallName], _ functions: inout [String]) {
        if let call = SystemCallName(name) { calls.append(call) } else { functions.append(name) }
    }

    private mutating func enforce(_ calls: [SystemCallName], _ override: String?, _ path: String) {
        guard let (method, reason) = systemCallMethod(overriding: override) else { return }
        if method == .rawSyscall {
            let numbered = calls.compactMap(kernel.numbered)
            guard !numbered.isEmpty else { return report(path, "this machine has none of these system calls") }
            plan.enforcers.append(EnforcerPlan(place: .systemCalls(numbered), method: method, reason: reason))
            return
        }
        let functions = calls.compactMap { call in
            call.functions(prefix: kernel.systemCallPrefix).first(where: kernel.hasFunction)
        }.unique
        guard !functions.isEmpty else { return report(path, "this kernel has none of these system calls") }
        for functions in method == .fmodRet ? functions.map({ [$0] }) : [functions] {
            plan.enforcers.append(EnforcerPlan(place: .functions(functions), method: method, reason: reason))
        }
    }

    private mutating func enforce(_ function: String, _ override: String?, _ path: String) {
        guard kernel.hasFunction(function) else { return report(path, "this kernel has no function \(function)") }
        if let override {
            if kernel.has(.modifySecurity) {
                plan.enforcers.append(
                    EnforcerPlan(
                        place: .functions([function]), method: .fmodRet,
                        reason: "the kernel has fmod_ret on functions named security_…"))
                return
            }
            reportUnlessMonitored(
                override, "\(function) cannot be overridden here: \(lack(.modifySecurity, "fmod_ret on it"))",
                "leave argError out: argSig alone can be had")
        }
        guard kernel.has(.kprobe) else {
            return report(path, "enforcers cannot act at \(function): \(lack(.kprobe, "kprobes"))")
        }
        plan.enforcers.append(
            EnforcerPlan(place: .functions([function]), method: .kprobe, reason: "it only signals"))
    }
}
