// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Policies
internal import Sensors

/// What is done.
extension Planning {
    mutating func addActions(
        _ actions: [Action], to planned: inout pol_selector, _ draft: inout HookDraft, _ request: HookRequest,
        _ path: String, _ isReturn: Bool
    ) -> pol_action_values {
        var values = pol_action_values()
        guard actions.count <= Int(POL_ACTIONS_MAX.rawValue) else {
            report(path, "a selector has at most \(POL_ACTIONS_MAX.rawValue) actions, and this has \(actions.count)")
            return values
        }
        // Without any it is posted.
        for (index, action) in (actions.isEmpty ? [.post(.init())] : actions).enumerated() {
            let path = "\(path)[\(index)]"
            planned.setAction(action.kernelAction, at: index)
            switch action {
            case .post(let post): add(post, to: &planned, &values, &draft, request, path)
            case .signal(let signal):
                requireSignals(path)
                set(&values.signal, UInt32(clamping: signal), "signal", path)
            case .sigkill: requireSignals(path)
            case .override(let error): set(&values.error, error, "error", path)
            case .notifyEnforcer(let error, let signal):
                if signal != 0 {
                    requireSignals(path)
                    set(&values.signal, UInt32(clamping: signal), "signal", path)
                }
                if error != 0 { set(&values.error, error, "error", path) }
            case .trackSock(let index), .untrackSock(let index):
                let slot =
                    isReturn && index == Int(POL_RETURN.rawValue)
                        || isReturn && index == request.returnArgument?.index
                            && draft.returnArgument?.type.isSocket == true
                    ? UInt8(POL_RETURN.rawValue) : draft.slots.first(matching: index, in: request)?.slot
                guard let slot else {
                    report("\(path).argSock", "no argument \(index) is read that would be a socket")
                    continue
                }
                if slot == POL_RETURN.rawValue
                    ? draft.ways[slot] != nil : draft.slots.contains(where: { $0.slot == slot && $0.isResolved })
                {
                    report(
                        "\(path).argSock",
                        "argument \(index) is read by way of resolve, and no socket can be tracked so",
                        "declare the socket itself among args")
                }
                values.argument = UInt32(slot)
                draft.shape.tracks_sockets = 1
            case .getURL, .dnsLookup:
                if let obstacle = outreachObstacle(of: action) { draft.remarks.append("\(path): \(obstacle)") }
            case .noPost, .followFD, .unfollowFD, .copyFD, .cleanupEnforcerNotification: break
            }
        }
        return values
    }

    private mutating func set<Number: FixedWidthInteger>(
        _ value: inout Number, _ new: Number, _ what: String, _ path: String
    ) {
        if value != 0, value != new {
            return report(path, "one selector has one \(what), and an action before this has \(value), not \(new)")
        }
        value = new
    }

    /// Why the agent would not do it.
    private func outreachObstacle(of action: Action) -> String? {
        guard let host = action.reachedHost, !outreach.contains(host) else { return nil }
        let reason = outreach.isEmpty ? "is not given" : "does not name \(host)"
        return "\(action.kind.rawValue) is told, not done: \(OutreachHosts.flag) \(reason)"
    }

    private mutating func requireSignals(_ path: String) {
        guard !kernel.has(.sendSignal) else { return }
        reportUnlessMonitored(path, lack(.sendSignal, "way to signal a process from a program"))
    }

    private mutating func add(
        _ post: Action.Post, to planned: inout pol_selector, _ values: inout pol_action_values,
        _ draft: inout HookDraft, _ request: HookRequest, _ path: String
    ) {
        var flags: UInt32 = 0
        if post.hasKernelStack { flags |= POL_KERNEL_STACK.rawValue }
        if post.hasUserStack { flags |= POL_USER_STACK.rawValue }
        if let limit = post.rateLimit {
            flags |= POL_RATE_LIMITED.rawValue
            values.limit_ns = UInt64(limit.period.seconds) * 1_000_000_000
            values.limit_scope =
                switch limit.scope {
                case .thread: POL_PER_THREAD.rawValue
                case .process: POL_PER_PROCESS.rawValue
                case .global: POL_GLOBAL.rawValue
                }
        }
        if post.hasIMAHash {
            flags |= POL_IMA_HASH.rawValue
            if case .securityHook("file_open") = request.kind {
                draft.remarks.append(
                    "\(path).imaHash: at file_open the kernel cannot read the file yet, so there is no hash unless IMA's own "
                        + "policy has made one before; there is one at bprm_check_security and mmap_file")
            }
            if let file = request.hashedFile {
                draft.shape.hash_raw = UInt8(truncatingIfNeeded: file.index + 1)
                draft.shape.hash_is_binprm = file.isBinary ? 1 : 0
                draft.shape.raw_count = max(draft.shape.raw_count, draft.shape.hash_raw)
            } else {
                report(
                    "\(path).imaHash", "nothing tells which of the hook's values is the file",
                    "declare it among args, of type file or linux_binprm")
            }
        }
        planned.post |= UInt8(truncatingIfNeeded: flags)
    }
}

extension HookRequest {
    /// Which of a security hook's values is a file, or a program that is about to run.
    fileprivate var hashedFile: (index: Int, isBinary: Bool)? {
        if let argument = arguments.first(where: { $0.type == .file || $0.type == .binaryParameters }) {
            return (argument.index, argument.type == .binaryParameters)
        }
        guard case .securityHook(let name) = kind else { return nil }
        if name.hasPrefix("bprm_") { return (0, true) }
        // file_mprotect is asked of memory.
        return name.hasPrefix("file_") && name != "file_mprotect" || name == "mmap_file" ? (0, false) : nil
    }
}

extension Action {
    var kernelAction: pol_action {
        switch self {
        case .post: POL_DO_POST
        case .noPost: POL_DO_NO_POST
        case .sigkill: POL_DO_SIGKILL
        case .signal: POL_DO_SIGNAL
        case .override: POL_DO_OVERRIDE
        case .getURL: POL_DO_GET_URL
        case .dnsLookup: POL_DO_DNS_LOOKUP
        case .followFD: POL_DO_FOLLOW_FD
        case .unfollowFD: POL_DO_UNFOLLOW_FD
        case .copyFD: POL_DO_COPY_FD
        case .trackSock: POL_DO_TRACK_SOCK
        case .untrackSock: POL_DO_UNTRACK_SOCK
        case .notifyEnforcer: POL_DO_NOTIFY_ENFORCER
        case .cleanupEnforcerNotification: POL_DO_CLEANUP_ENFORCER
        }
    }
}
