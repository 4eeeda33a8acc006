// SPDX-License-Identifier: Apache-2.0
package import Policies
package import Symbols

/// A policy's hook was reached, and one of its selectors matched.
package final class PolicyHit: Sendable {
    package let hook: HookDescription
    /// The thread that did it, by the host's count.
    package let tid: UInt32
    /// The function or symbol, where the hook is one of several; else what ``HookDescription/place`` says.
    package let function: String
    let arguments: [HitArgument]
    /// What the function returned; nil where nobody asks for it, or it did not come in time.
    let returned: HitArgument?
    /// The API's KprobeAction.
    package let action: UInt8
    package let returnAction: UInt8
    /// The policy is in monitor mode: what changes something for the process was not done.
    package let isMonitored: Bool
    /// From the innermost call outwards. Without names until somebody has looked them up.
    package let kernelStack: [StackFrame]
    package let userStack: [StackFrame]
    /// `algorithm:digest`, by the kernel's integrity measurement; empty where that is not asked for, or not known.
    package let imaHash: String
    let host: NamespaceNumbers

    init(
        hook: HookDescription, tid: UInt32, function: String, arguments: [HitArgument], returned: HitArgument?,
        action: UInt8, returnAction: UInt8, isMonitored: Bool = false, kernelStack: [StackFrame] = [],
        userStack: [StackFrame] = [],
        imaHash: String = "", host: NamespaceNumbers = .init()
    ) {
        self.hook = hook
        self.tid = tid
        self.function = function
        self.arguments = arguments
        self.returned = returned
        self.action = action
        self.returnAction = returnAction
        self.isMonitored = isMonitored
        self.kernelStack = kernelStack
        self.userStack = userStack
        self.imaHash = imaHash
        self.host = host
    }

    package var hasStack: Bool { !kernelStack.isEmpty || !userStack.isEmpty }

    /// The same with names in its stacks.
    package func named(kernel: [StackFrame], user: [StackFrame]) -> PolicyHit {
        PolicyHit(
            hook: hook, tid: tid, function: function, arguments: arguments, returned: returned, action: action,
            returnAction: returnAction, isMonitored: isMonitored, kernelStack: kernel, userStack: user,
            imaHash: imaHash, host: host)
    }

    /// What it is about: the function, tracepoint, symbol, probe or hook.
    package var subject: String {
        switch hook.place {
        case .function, .securityHook: function
        case .tracepoint(let subsystem, let event): "\(subsystem)/\(event)"
        case .symbols(let path, _): "\(path) \(function)"
        case .probe(let path, let provider, let name): "\(path) \(provider):\(name)"
        }
    }

    /// The bytes that it keeps, more or less.
    package var size: Int {
        let values = (arguments + [returned].compactMap(\.self)).reduce(0) { $0 + $1.value.size }
        return 256 + values + MemoryLayout<StackFrame>.stride * (kernelStack.count + userStack.count)
    }
}

extension PolicyHit: Equatable {
    package static func == (left: PolicyHit, right: PolicyHit) -> Bool { left === right }
}

extension HookValue {
    fileprivate var size: Int {
        switch self {
        case .string(let text), .networkDevice(let text), .localAddress(let text): 64 + text.utf8.count
        case .bytes(let bytes), .truncatedBytes(let bytes, _): 64 + bytes.count
        case .path(let file), .file(let file), .binary(let file): 64 + file.path.utf8.count
        default: 128
        }
    }
}
