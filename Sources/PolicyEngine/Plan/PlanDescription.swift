// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Policies
internal import Sensors

extension PolicyPlan: CustomStringConvertible {
    /// For people, line by line.
    package var description: String {
        var lines = [heading, "  applies to  \(scope)"]
        if policy.spec.options.mode == .monitor {
            lines.append("  mode        monitor: what it forbids is told, not done")
        }
        for obstacle in obstacles { lines.append("  enforcing   cannot be had: \(obstacle)") }
        for remark in remarks { lines.append("  remark      \(remark)") }
        for (number, hook) in hooks.enumerated() { lines += hook.lines(number + 1) }
        if watchesLoads {
            lines.append("files mapped to be run")
            lines.append("  method      perf events of each processor, and no program")
            lines.append("  each file   once for each program that a process runs, with its build id")
            lines.append("  remark      what was mapped before is not told")
        }
        for enforcer in enforcers {
            lines.append("enforcer at \(enforcer.place)")
            lines.append("  method      \(enforcer.method.rawValue): \(enforcer.reason)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var heading: String {
        let name =
            if case .namespace(let namespace) = policy.scope { "\(namespace)/\(policy.name)" } else { policy.name }
        return "policy \(name): \(hooks.count.of("hook"))"
    }
}

extension PolicyScope: CustomStringConvertible {
    package var description: String {
        if isEverything { return "everything, the host too" }
        guard let pods else { return "the host alone, and containers that no pod has" }
        var text = pods.containers.isEmpty ? "all containers" : "containers with \(pods.containers.words)"
        text += pods.labels.isEmpty ? " of pods" : " of pods with \(pods.labels.words)"
        if let namespace = pods.namespace { text += " in the namespace \(namespace)" }
        return text + (includesHost ? ", and the host" : ", not the host")
    }
}

extension LabelSelector {
    fileprivate var words: String {
        let labels = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let requirements = requirements.map { requirement in
            let values = requirement.values.isEmpty ? "" : " \(requirement.values.joined(separator: "|"))"
            return "\(requirement.key) \(requirement.comparison.rawValue)\(values)"
        }
        return (labels + requirements).joined(separator: ", ")
    }
}

extension HookPlan {
    fileprivate func lines(_ number: Int) -> [String] {
        var lines = ["hook \(number): \(place)", "  method      \(method.rawValue): \(reason)"]
        for (index, text) in locations.enumerated() {
            lines.append((index == 0 ? "  locations   " : "              ") + text)
        }
        for (index, text) in values.enumerated() {
            lines.append((index == 0 ? "  values      " : "              ") + text)
        }
        if shape.selectors == 0 { lines.append("  each call   does Post") }
        for index in 0..<Int(shape.selectors) {
            lines += self.lines("selector \(index + 1)", shape.entrySelectors[index], index)
            lines.append("              does \(deeds(at: index, isReturn: false))")
        }
        if shape.has_return != 0 {
            let planned = shape.at_return
            lines += self.lines("at return", planned, nil)
            if planned.actions.0 != 0 { lines.append("              does \(deeds(at: 0, isReturn: true))") }
        }
        for remark in remarks { lines.append("  remark      \(remark)") }
        lines.append("  shape       \(shapeWords)")
        return lines
    }

    /// A selector's filters, a line each.
    private func lines(_ head: String, _ planned: pol_selector, _ selector: Int?) -> [String] {
        let words = planned.allFilters.enumerated().prefix { $0.element.what != 0 }.map { position, filter in
            FilterWords(
                filter: filter, operand: row.operand(position, of: selector) ?? pol_operand(),
                set: set(of: position, selector), binarySet: binarySet(of: position, selector)
            ).text
        }
        let texts = words.isEmpty ? ["always"] : words
        return texts.enumerated().map { index, text in
            let start = index == 0 ? "  " + head.padded(12) : "              "
            return start + (index == 0 ? "" : "and ") + text
        }
    }

    private func reference(_ position: Int, _ selector: Int?, _ isBinary: Bool) -> Int? {
        references.first { $0.selector == selector && $0.filter == position && $0.isBinary == isBinary }?.set
    }

    private func set(of position: Int, _ selector: Int?) -> SetContent? {
        reference(position, selector, false).flatMap { sets.indices.contains($0) ? sets[$0] : nil }
    }

    private func binarySet(of position: Int, _ selector: Int?) -> BinarySetContent? {
        reference(position, selector, true).flatMap { binarySets.indices.contains($0) ? binarySets[$0] : nil }
    }

    /// Of a probe, with what the file says of its arguments: all of a few, the first of many.
    private var locations: [String] {
        guard case .probe(let probe) = place else { return [] }
        let shown = probe.locations.prefix(4).map { location in
            let arguments = location.arguments.map(\.text).joined(separator: ", ")
            return "0x" + String(location.offset, radix: 16)
                + (location.semaphore.map { " if its semaphore 0x\(String($0, radix: 16)) is raised" } ?? "")
                + ", passes " + (arguments.isEmpty ? "nothing" : arguments)
        }
        return shown + (probe.locations.count > 4 ? ["and \(probe.locations.count - 4) more"] : [])
    }

    // MARK: Values

    private var values: [String] {
        let arguments = description.arguments + (description.returnArgument.map { [$0] } ?? [])
        return arguments.map { argument in
            let value = shape.values[Int(argument.slot)]
            let name = argument.slot == UInt8(POL_RETURN.rawValue) ? "returned" : "value \(argument.slot)"
            let when =
                switch (value.has(POL_FILTERED), value.has(POL_AT_RETURN)) {
                case (true, true): "read before selectors are asked, and at return"
                case (true, false): "read before selectors are asked"
                case (false, true): "read at return"
                case (false, false): "read when it is posted"
                }
            let label = argument.label.isEmpty ? "" : " \(argument.label.debugDescription)"
            let bound =
                value.has(POL_MORE)
                ? ", at most \(POL_DATA_MAX.rawValue) bytes" : value.max > 0 ? ", at most \(value.max) bytes" : ""
            let way = ways[argument.slot].map { " at \($0)" } ?? ""
            return "\(name) \(argument.type.rawValue)\(way)\(label), \(when)\(bound)"
        }
    }

    private var shapeWords: String {
        let filters = (shape.entrySelectors.prefix(Int(shape.selectors)) + [shape.at_return])
            .reduce(0) { $0 + $1.allFilters.prefix { $0.what != 0 }.count }
        var parts = [
            shape.values.count { $0.type != 0 }.of("value"), Int(shape.selectors).of("selector"), filters.of("filter"),
        ]
        if !sets.isEmpty { parts.append(sets.count.of("set")) }
        if !binarySets.isEmpty { parts.append(binarySets.count.of("set of binaries", "sets of binaries")) }
        if shape.is_scoped != 0 { parts.append("rows by container") }
        return parts.joined(separator: ", ")
    }

    // MARK: Actions

    private func deeds(at selector: Int, isReturn: Bool) -> String {
        let all = isReturn ? description.returnActions : description.actions
        let actions = all.indices.contains(selector) ? all[selector] : []
        let isPrevented = actions.contains { if case .override = $0 { true } else { false } }
        var words = (actions.isEmpty && !isReturn ? [.post(.init())] : actions).map { action in
            action.words + (action.comesLate(method, isPrevented) ? " (kills after the call)" : "")
        }
        if isReturn, shape.at_return.allActions.contains(UInt8(POL_DO_TRACK_SOCK.rawValue)), actions.isEmpty {
            words.append("TrackSock of what is returned")
        }
        if isReturn, shape.at_return.allActions.contains(UInt8(POL_DO_UNTRACK_SOCK.rawValue)), actions.isEmpty {
            words.append("UntrackSock of what is returned")
        }
        let text = words.joined(separator: ", ")
        return row.is_monitored != 0 && actions.contains(where: \.isForbidding) ? "\(text); told only (monitor)" : text
    }
}

extension pol_argument {
    fileprivate func has(_ flag: pol_argument_flag) -> Bool { UInt32(flags) & flag.rawValue != 0 }
}

extension HookPlan.Place: CustomStringConvertible {
    package var description: String {
        switch self {
        case .tracepoint(let subsystem, let event): "tracepoint \(subsystem)/\(event)"
        case .rawTracepoint(let event): "raw tracepoint \(event)"
        case .functions(let names): names.words("function", "functions")
        case .securityHook(let name): "LSM hook \(name)"
        case .systemCalls(let calls):
            calls.map { "\($0.is32Bit ? "abi32/" : "")\($0.name) (\($0.number))" }.words("system call", "system calls")
        case .symbols(let path, let symbols):
            symbols.map { symbol in
                switch symbol {
                case .name(let name): name.debugDescription
                case .offset(let offset): "0x" + String(offset, radix: 16)
                }
            }.words("function", "functions") + " of \(path.debugDescription)"
        case .probe(let probe):
            "probe \(probe.name.debugDescription) of \(probe.provider.debugDescription) in \(probe.path.debugDescription)"
        }
    }
}

extension Action {
    /// As a policy has it, with what it says.
    fileprivate var words: String {
        switch self {
        case .post(let post):
            var parts: [String] = []
            if let limit = post.rateLimit {
                let whose =
                    switch limit.scope {
                    case .thread: "of a thread"
                    case .process: "of a process"
                    case .global: "of all"
                    }
                parts.append("the same \(whose) once in \(limit.period.seconds) s")
            }
            if post.hasKernelStack { parts.append("with the kernel's stack") }
            if post.hasUserStack { parts.append("with the process's stack") }
            if post.hasIMAHash { parts.append("with the file's hash") }
            return parts.isEmpty ? "Post" : "Post (\(parts.joined(separator: ", ")))"
        case .noPost: return "NoPost"
        case .sigkill: return "Sigkill"
        case .signal(let signal): return "Signal \(signal)"
        case .override(let error): return "Override with \(error)"
        case .getURL(let url): return "GetUrl \(url) by the agent"
        case .dnsLookup(let name): return "DnsLookup \(name) by the agent"
        case .followFD: return "FollowFD"
        case .unfollowFD: return "UnfollowFD"
        case .copyFD: return "CopyFD"
        case .trackSock(let index): return "TrackSock of argument \(index)"
        case .untrackSock(let index): return "UntrackSock of argument \(index)"
        case .notifyEnforcer(let error, let signal):
            let parts = [error == 0 ? nil : "error \(error)", signal == 0 ? nil : "signal \(signal)"]
            return "NotifyEnforcer: " + parts.compactMap(\.self).joined(separator: ", ")
        case .cleanupEnforcerNotification: return "CleanupEnforcerNotification"
        }
    }

    /// A signal ends a process when it leaves the kernel, so what it called for has mostly been done. A probe in the
    /// process itself is before its function.
    fileprivate func comesLate(_ method: HookPlan.Method, _ isPrevented: Bool) -> Bool {
        guard method != .uprobe, !isPrevented else { return false }
        return switch self {
        case .sigkill, .signal(9): true
        default: false
        }
    }
}

extension Int {
    func of(_ one: String, _ many: String? = nil) -> String { "\(self) \(self == 1 ? one : many ?? one + "s")" }
}

extension [String] {
    /// All of a few, the first of many.
    fileprivate func words(_ one: String, _ many: String) -> String {
        let shown = prefix(4).joined(separator: ", ")
        return count == 1 ? "\(one) \(shown)" : count <= 4 ? "\(many) \(shown)" : "\(count) \(many): \(shown), …"
    }
}

extension String {
    fileprivate func padded(_ width: Int) -> String {
        count < width ? self + String(repeating: " ", count: width - count) : self + " "
    }
}
