// SPDX-License-Identifier: Apache-2.0
internal import Policies
internal import PolicyEngine
internal import Sensors

/// A text as a file of policies: each document is a policy, for which there is a plan, or has problems that a person can
/// read.
@_cdecl("LLVMFuzzerTestOneInput")
package func fuzz(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    do throws(PolicyProblems) {
        for document in try PolicyReader.documents(of: text) {
            for warning in document.warnings { check(warning) }
            switch document.result {
            case .success(let policy):
                precondition(!policy.name.isEmpty)
                plan(policy)
            case .failure(let failure): check(failure)
            }
        }
    } catch {
        check(error)
    }
    return 0
}

private func check(_ failure: PolicyProblems) {
    precondition(1...20 ~= failure.problems.count)
    for problem in failure.problems { check(problem) }
}

private func check(_ problem: PolicyProblem) {
    precondition(problem.line >= 1 && problem.column >= 1 && !problem.message.isEmpty)
    precondition(problem.description.utf8.count < 4096)
}
