// SPDX-License-Identifier: Apache-2.0
internal import SwiftProtobuf
internal import TetragonAPI

/// What a policy would become, or why it cannot.
package struct PlannedPolicy: Sendable {
    /// Both empty where they cannot be read.
    package var name = ""
    package var namespace = ""
    /// Lines for people; empty where there are problems.
    package var plan = ""
    package var problems: [Problem] = []

    package struct Problem: Sendable {
        /// In the policy: `spec.kprobes[0].call`.
        package var path: String
        package var reason: String
        /// What can be done; may be empty.
        package var advice: String
        /// Where in the text, from 1; 0 of what the machine has not.
        package var line: Int
        package var column: Int

        package init(path: String, reason: String, advice: String = "", line: Int = 0, column: Int = 0) {
            self.path = path
            self.reason = reason
            self.advice = advice
            self.line = line
            self.column = column
        }
    }

    package init(name: String = "", namespace: String = "", plan: String = "", problems: [Problem] = []) {
        self.name = name
        self.namespace = namespace
        self.plan = plan
        self.problems = problems
    }
}

extension PlannedPolicy {
    var message: Apus_V1_PlannedPolicy {
        .with {
            $0.name = name
            $0.namespace = namespace
            $0.plan = plan
            $0.problems = problems.map { problem in
                .with {
                    $0.path = problem.path
                    $0.reason = problem.reason
                    $0.advice = problem.advice
                    $0.line = UInt32(clamping: problem.line)
                    $0.column = UInt32(clamping: problem.column)
                }
            }
        }
    }
}
