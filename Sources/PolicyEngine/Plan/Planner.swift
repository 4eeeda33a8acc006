// SPDX-License-Identifier: Apache-2.0
package import Policies
internal import Sensors

/// Makes plans of policies: what goes where in the kernel, and why.
package enum Planner {
    /// Asks the kernel and changes nothing in it.
    ///
    /// - Parameter outreach: where the agent reaches for policies.
    /// - Throws: All that this kernel has not, or the agent.
    package static func plan(
        _ policy: TracingPolicy, on kernel: some KernelSurvey, reaching outreach: OutreachHosts = .none
    ) throws(PlanError) -> PolicyPlan {
        var planning = Planning(policy, kernel, outreach)
        planning.planAll()
        guard planning.problems.isEmpty else {
            throw PlanError(problems: planning.problems, more: planning.moreProblems)
        }
        return planning.plan
    }
}

/// A plan in the making, and what stands against it.
struct Planning<Kernel: KernelSurvey> {
    let kernel: Kernel
    let outreach: OutreachHosts
    var plan: PolicyPlan
    /// Those beyond the most that there may be.
    var unplannedHooks = 0
    private(set) var problems: [PlanProblem] = []
    /// A policy of a mebibyte can ask for a million things that are not there.
    fileprivate var moreProblems = 0
    private static var mostProblems: Int { 20 }

    /// Programs that one policy may have, each of which takes some tens of KiB of the kernel's memory.
    static var mostHooks: Int { 1024 }
    /// Functions that one program may be attached to: at once, and one after another, which takes a millisecond each.
    static var mostFunctionsAtOnce: Int { 16_384 }
    static var mostFunctions: Int { 1024 }

    init(_ policy: TracingPolicy, _ kernel: Kernel, _ outreach: OutreachHosts) {
        plan = PolicyPlan(policy)
        self.kernel = kernel
        self.outreach = outreach
    }

    var policy: TracingPolicy { plan.policy }
    var spec: PolicySpec { plan.policy.spec }
    var isMonitored: Bool { spec.options.mode == .monitor }

    mutating func planAll() {
        for (index, probe) in spec.kprobes.enumerated() { planProbe(probe, at: "spec.kprobes[\(index)]") }
        for (index, hook) in spec.tracepoints.enumerated() { planTracepoint(hook, at: "spec.tracepoints[\(index)]") }
        for (index, probe) in spec.uprobes.enumerated() { planUserProbe(probe, at: "spec.uprobes[\(index)]") }
        for (index, probe) in spec.usdtProbes.enumerated() { planProbe(probe, at: "spec.usdts[\(index)]") }
        for (index, hook) in spec.lsmHooks.enumerated() { planSecurityHook(hook, at: "spec.lsmhooks[\(index)]") }
        planEnforcers()
        if spec.hasLoader { planLoads(at: "spec.loader") }
        let programs = plan.hooks.count + unplannedHooks
        if programs > Self.mostHooks {
            report("spec", "the policy needs \(programs) programs, and a policy has at most \(Self.mostHooks)")
        }
        if plan.hooks.isEmpty, !plan.watchesLoads, problems.isEmpty {
            plan.remarks.append("nothing of it is on this kernel: it has no effect")
        }
    }

    mutating func report(_ path: String, _ reason: String, _ advice: String = "") {
        report(PlanProblem(path: path, reason: reason, advice: advice))
    }

    private mutating func report(_ problem: PlanProblem) {
        if problems.count < Self.mostProblems { problems.append(problem) } else { moreProblems += 1 }
    }

    /// This kernel has not what the hook names.
    mutating func reportAbsence(_ path: String, _ reason: String, _ advice: String) {
        report(PlanProblem(path: path, reason: reason, advice: advice, isAbsence: true))
    }

    /// What must be there for a policy that enforces, and for one that monitors only if it is to enforce later.
    mutating func reportUnlessMonitored(_ path: String, _ reason: String, _ advice: String = "") {
        if isMonitored { plan.obstacles.append("\(path): \(reason)") } else { report(path, reason, advice) }
    }

    /// `no kprobes (cannot create a kprobe event: …)`
    func lack(_ feature: KernelFeature.Name, _ what: String) -> String {
        let reason = kernel.absence(of: feature)
        return "the kernel has no \(what)" + (reason.isEmpty ? "" : " (\(reason))")
    }
}
