// SPDX-License-Identifier: Apache-2.0
import SwiftProtobuf
import TetragonAPI

/// An event of a policy's hook on a function of the kernel, a system call or an LSM hook.
struct PolicyHit: Sendable {
    let policy: String
    /// The function, or the LSM hook.
    let function: String
    let isOfSecurityHook: Bool
    let process: Tetragon_Process
    let parent: Tetragon_Process
    let message: String
    let tags: [String]
    let action: Tetragon_KprobeAction
    let arguments: [Tetragon_KprobeArgument]

    init?(_ event: Event) {
        switch event.message.event {
        case .processKprobe(let hit)?:
            (policy, function, isOfSecurityHook) = (hit.policyName, hit.functionName, false)
            (process, parent) = (hit.process, hit.parent)
            (message, tags, action) = (hit.message, hit.tags, hit.action)
            arguments = hit.args
        case .processLsm(let hit)?:
            (policy, function, isOfSecurityHook) = (hit.policyName, hit.functionName, true)
            (process, parent) = (hit.process, hit.parent)
            (message, tags, action) = (hit.message, hit.tags, hit.action)
            arguments = hit.args
        default: return nil
        }
    }

    /// Whether it is of this system call, function or LSM hook, and an argument's value has this text.
    func isOf(_ call: String, showing text: String) -> Bool {
        let isCall = function == call || (!isOfSecurityHook && function.hasSuffix("_sys_\(call)"))
        return isCall && (text.isEmpty || arguments.contains { (try? $0.jsonString())?.contains(text) == true })
    }
}

extension PolicyHit: CustomStringConvertible {
    var description: String {
        let values = arguments.map { (try? $0.jsonString()) ?? "?" }.joined(separator: " ")
        return "\(policy) \(function) \(action) by \(process.binary) \(process.arguments.prefix(80)): \(values)"
    }
}

extension EventStream {
    /// What a policy has told of a container so far.
    func hits(of policy: String, in container: RuncContainer) -> [PolicyHit] {
        all.compactMap(PolicyHit.init).filter { $0.policy == policy && $0.process.container.id == container.id }
    }
}
