// SPDX-License-Identifier: Apache-2.0

/// Something that a policy asks for and this kernel, or the agent, has not.
package struct PlanProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// `spec.kprobes[1].selectors[0].matchArgs[2]`
    package let path: String
    /// What was wanted, and why it cannot be had here.
    package let reason: String
    /// What can be done; empty where nothing helps.
    package let advice: String

    /// This kernel has nothing of the name to hook.
    package let isAbsence: Bool

    package init(path: String, reason: String, advice: String = "", isAbsence: Bool = false) {
        self.path = path
        self.reason = reason
        self.advice = advice
        self.isAbsence = isAbsence
    }

    package var description: String { "\(path): \(reason)" + (advice.isEmpty ? "" : "; \(advice)") }
}

/// Why there is no plan: all that stands against it.
package struct PlanError: Error, Sendable, Equatable, CustomStringConvertible {
    /// In the order of the policy; never empty.
    package let problems: [PlanProblem]
    /// How many more there are.
    package var more = 0

    package var description: String {
        problems.map(\.description).joined(separator: "; ") + (more > 0 ? "; and \(more) more" : "")
    }
}
