// SPDX-License-Identifier: Apache-2.0
package import Models
internal import Policies
internal import Symbols

/// What ProcessKprobe, ProcessTracepoint, ProcessUprobe, ProcessUsdt and ProcessLsm have beside processes.
extension PolicyHit {
    /// - Parameter exposesAddresses: of stacks: else they are told by names alone.
    package func append(to w: inout ProtobufWriter, exposesAddresses: Bool) {
        switch hook.place {
        case .function:
            w.string(3, function)
            for argument in arguments { w.message(4) { argument.append(to: &$0, host: host) } }
            if let returned { w.message(5) { returned.append(to: &$0, host: host) } }
            w.uint32(6, UInt32(action))
            w.stack(7, kernelStack, exposesAddresses)
            w.string(8, hook.policy)
            w.uint32(9, UInt32(returnAction))
            w.string(10, hook.message)
            for tag in hook.tags { w.string(11, tag, always: true) }
            w.stack(12, userStack, exposesAddresses)
        case .tracepoint(let subsystem, let event):
            w.string(4, subsystem)
            w.string(5, event)
            for argument in arguments { w.message(6) { argument.append(to: &$0, host: host) } }
            w.string(7, hook.policy)
            w.uint32(8, UInt32(action))
            w.string(9, hook.message)
            for tag in hook.tags { w.string(10, tag, always: true) }
        case .symbols(let path, _):
            w.string(3, path)
            w.string(4, function)
            w.string(5, hook.policy)
            w.string(6, hook.message)
            for argument in arguments { w.message(7) { argument.append(to: &$0, host: host) } }
            for tag in hook.tags { w.string(8, tag, always: true) }
            w.uint32(12, UInt32(action))
        case .probe(let path, let provider, let name):
            w.string(3, path)
            w.string(4, provider)
            w.string(5, name)
            w.string(6, hook.policy)
            w.string(7, hook.message)
            for argument in arguments { w.message(8) { argument.append(to: &$0, host: host) } }
            for tag in hook.tags { w.string(9, tag, always: true) }
            w.uint32(11, UInt32(action))
        case .securityHook:
            w.string(3, function)
            w.string(5, hook.policy)
            w.string(6, hook.message)
            for argument in arguments { w.message(7) { argument.append(to: &$0, host: host) } }
            w.uint32(8, UInt32(action))
            for tag in hook.tags { w.string(9, tag, always: true) }
            w.string(11, imaHash)
        }
        w.uint32(50_000, isMonitored ? 1 : 0)
    }

    package func append(to w: inout JSONWriter, exposesAddresses: Bool) {
        switch hook.place {
        case .function, .securityHook: w.string("function_name", function)
        case .tracepoint(let subsystem, let event):
            w.string("subsys", subsystem)
            w.string("event", event)
        case .symbols(let path, _):
            w.string("path", path)
            w.string("symbol", function)
        case .probe(let path, let provider, let name):
            w.string("path", path)
            w.string("provider", provider)
            w.string("name", name)
        }
        if !arguments.isEmpty {
            w.array("args") { w in
                for argument in arguments { w.element { argument.append(to: &$0, host: host) } }
            }
        }
        w.string("policy_name", hook.policy)
        w.action("action", action)
        w.string("message", hook.message)
        w.strings("tags", hook.tags)
        if isMonitored { w.bool("monitored", true) }
        if case .securityHook = hook.place { w.string("ima_hash", imaHash) }
        guard case .function = hook.place else { return }
        if let returned { w.object("return") { returned.append(to: &$0, host: host) } }
        w.action("return_action", returnAction)
        w.stack("kernel_stack_trace", kernelStack, exposesAddresses)
        w.stack("user_stack_trace", userStack, exposesAddresses)
    }

    /// KprobeAction
    fileprivate static let actions: [StaticString] = [
        "KPROBE_ACTION_UNKNOWN", "KPROBE_ACTION_POST", "KPROBE_ACTION_FOLLOWFD", "KPROBE_ACTION_SIGKILL",
        "KPROBE_ACTION_UNFOLLOWFD", "KPROBE_ACTION_OVERRIDE", "KPROBE_ACTION_COPYFD", "KPROBE_ACTION_GETURL",
        "KPROBE_ACTION_DNSLOOKUP", "KPROBE_ACTION_NOPOST", "KPROBE_ACTION_SIGNAL", "KPROBE_ACTION_TRACKSOCK",
        "KPROBE_ACTION_UNTRACKSOCK", "KPROBE_ACTION_NOTIFYENFORCER", "KPROBE_ACTION_CLEANUPENFORCERNOTIFICATION",
    ]
}

extension ProtobufWriter {
    fileprivate mutating func stack(_ field: UInt32, _ frames: [StackFrame], _ exposesAddresses: Bool) {
        for frame in frames {
            message(field) {
                if exposesAddresses { $0.uint64(1, frame.address) }
                $0.uint64(2, frame.offset)
                $0.string(3, frame.symbol)
                $0.string(4, frame.module)
            }
        }
    }
}

extension JSONWriter {
    fileprivate mutating func stack(_ name: StaticString, _ frames: [StackFrame], _ exposesAddresses: Bool) {
        guard !frames.isEmpty else { return }
        array(name) { w in
            for frame in frames {
                w.element {
                    if exposesAddresses { $0.quoted("address", frame.address) }
                    $0.quoted("offset", frame.offset)
                    $0.string("symbol", frame.symbol)
                    $0.string("module", frame.module)
                }
            }
        }
    }

    fileprivate mutating func action(_ name: StaticString, _ number: UInt8) {
        guard number != 0 else { return }
        if Int(number) < PolicyHit.actions.count {
            self.name(name, PolicyHit.actions[Int(number)])
        } else {
            integer(name, Int64(number))
        }
    }
}
