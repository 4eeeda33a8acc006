// SPDX-License-Identifier: Apache-2.0
import Policies
import PolicyEngine
import Server

extension PlannedPolicy {
    /// What the policies of a text would become on this machine.
    static func all(of yaml: String, on kernel: some KernelSurvey, reaching outreach: OutreachHosts) -> [PlannedPolicy]
    {
        do throws(PolicyProblems) {
            return try PolicyReader.documents(of: yaml).map { PlannedPolicy($0, kernel, outreach) }
        } catch {
            return [PlannedPolicy(error)]
        }
    }

    private init(_ document: PolicyDocument, _ kernel: some KernelSurvey, _ outreach: OutreachHosts) {
        let policy: TracingPolicy
        switch document.result {
        case .failure(let problems):
            self.init(problems)
            return
        case .success(let valid): policy = valid
        }
        let namespace = if case .namespace(let name) = policy.scope { name } else { "" }
        do throws(PlanError) {
            let plan = try Planner.plan(policy, on: kernel, reaching: outreach)
            self.init(name: policy.name, namespace: namespace, plan: plan.description)
        } catch {
            self.init(
                name: policy.name, namespace: namespace,
                problems: error.problems.map { Problem(path: $0.path, reason: $0.reason, advice: $0.advice) }
                    + Self.unsaid(error.more))
        }
    }

    private init(_ found: PolicyProblems) {
        self.init(
            problems: found.problems.map {
                Problem(path: $0.path, reason: $0.message, line: $0.line, column: $0.column)
            } + Self.unsaid(found.more))
    }

    private static func unsaid(_ count: Int) -> [Problem] {
        count > 0 ? [Problem(path: "", reason: "\(count) more problems")] : []
    }
}
