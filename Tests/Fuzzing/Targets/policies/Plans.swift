// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Policies
internal import PolicyEngine
internal import Sensors

/// On a kernel that has everything, and on one that has as little as an agent runs on.
func plan(_ policy: TracingPolicy) {
    for kernel in [kernelWithFunctions, .bare] {
        do throws(PlanError) {
            check(try Planner.plan(policy, on: kernel))
        } catch {
            precondition(!error.problems.isEmpty)
            for problem in error.problems { precondition(!problem.path.isEmpty && !problem.reason.isEmpty) }
        }
    }
}

private let kernelWithFunctions: FakeSurvey = {
    var survey = FakeSurvey.full.with(.modifySyscall, .overrideReturn)
    survey.functionNames = [
        "do_sys_open", "security_file_open", "security_bprm_check", "tcp_connect", "tcp_close", "f", "vfs_read",
        "__x64_sys_openat", "__x64_sys_dup", "__x64_sys_bpf", "__x64_sys_newuname", "__ia32_compat_sys_openat",
    ]
    survey.prototypes["f"] = FunctionPrototype(parameters: 5, returnsValue: true)
    return survey
}()

private func check(_ plan: PolicyPlan) {
    precondition(!plan.hooks.isEmpty || !plan.remarks.isEmpty)
    for hook in plan.hooks {
        for reference in hook.references {
            let sets = reference.isBinary ? hook.binarySets.count : hook.sets.count
            precondition(reference.set < sets)
        }
        for set in hook.sets { check(set) }
        precondition(hook.shape.selectors <= 5 && hook.description.arguments.count <= 5)
    }
    precondition(!plan.description.isEmpty && !plan.scope.description.isEmpty)
}

private func check(_ set: SetContent) {
    switch set {
    case .substrings(let texts): check(texts, anyCase: false)
    case .substringsOfAnyCase(let texts): check(texts, anyCase: true)
    case .ranges(let ranges):
        for (range, next) in zip(ranges, ranges.dropFirst()) { precondition(range.upperBound < next.lowerBound) }
    case .networks(let networks):
        for network in networks { precondition(network.address.count == 16 && 0...128 ~= network.bits) }
    case .numbers, .texts, .prefixes, .postfixes: break
    }
}

/// Each text is found in itself.
private func check(_ texts: [[UInt8]], anyCase: Bool) {
    guard let automaton = SubstringAutomaton(texts, anyCase: anyCase) else { return }
    for text in texts { precondition(automaton.isFound(in: text)) }
}
