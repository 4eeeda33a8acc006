// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Policies

/// Filters that look at the process.
extension Planning {
    mutating func processFilters(_ selector: Selector, _ path: String) -> [FilterDraft] {
        var filters = selector.pids.map(filter)
        if let match = selector.binaries {
            filters.append(filter(match, match.includesChildren ? POL_OWN_OR_ANCESTORS_BINARY : POL_OWN_BINARY))
        }
        if let match = selector.parentBinaries {
            if match.includesChildren {
                report(
                    "\(path).matchParentBinaries[0].followChildren",
                    "what descends from a parent's program is what descends from the program",
                    "use matchBinaries with followChildren")
            }
            filters.append(filter(match, POL_PARENTS_BINARY))
        }
        for (index, match) in selector.namespaces.enumerated() {
            if let filter = filter(match, "\(path).matchNamespaces[\(index)]") { filters.append(filter) }
        }
        for match in selector.capabilities { filters.append(filter(match, POL_CAPABILITY)) }
        if let match = selector.namespaceChange {
            var filter = FilterDraft(what: POL_NAMESPACE_CHANGE, operation: POL_MASK)
            filter.isNegated = match.membership == .isNotIn
            filter.operand.a = match.namespaces.reduce(0) { $0 | 1 << UInt64($1.kernelNumber.rawValue) }
            filters.append(filter)
        }
        for match in selector.capabilityChanges { filters.append(filter(match, POL_CAPABILITY_CHANGE)) }
        return filters
    }

    private func filter(_ match: PIDMatch) -> FilterDraft {
        var filter: FilterDraft
        if match.includesDescendants {
            // Who is among them is marked when the policy is loaded, and hands the mark on.
            filter = FilterDraft(
                what: POL_BINARY, index: UInt8(POL_OWN_OR_ANCESTORS_BINARY.rawValue), operation: POL_EQUAL)
            filter.binarySet = .pids(Set(match.pids).sorted(), inNamespace: match.isInNamespace)
        } else {
            let number = NumberOperand(oneOf: match.pids.map { Int128($0)...Int128($0) })
            filter = FilterDraft(
                what: POL_PROCESS, index: match.isInNamespace ? 1 : 0, operation: number.operation,
                operand: number.operand, set: number.set)
        }
        filter.isNegated = match.membership == .isNotIn
        return filter
    }

    private func filter(_ match: BinaryMatch, _ whose: pol_whose_binary) -> FilterDraft {
        var filter = FilterDraft(what: POL_BINARY, index: UInt8(whose.rawValue), operation: POL_EQUAL)
        let paths = Set(match.paths).sorted()
        switch match.comparison {
        case .isIn, .isNotIn: filter.binarySet = .paths(paths)
        case .prefix, .notPrefix: filter.binarySet = .prefixes(paths)
        case .postfix, .notPostfix: filter.binarySet = .postfixes(paths)
        }
        switch match.comparison {
        case .isIn, .prefix, .postfix: break
        case .isNotIn, .notPrefix, .notPostfix: filter.isNegated = true
        }
        return filter
    }

    private mutating func filter(_ match: NamespaceMatch, _ path: String) -> FilterDraft? {
        var inodes: [ClosedRange<Int128>] = []
        for (index, value) in match.values.enumerated() {
            switch value {
            case .inode(let inode): inodes.append(Int128(inode)...Int128(inode))
            case .host:
                guard let inode = kernel.hostNamespace(match.namespace.fileName) else {
                    report(
                        "\(path).values[\(index)]",
                        "the host's \(match.namespace.rawValue) namespace is not known: /proc/1/ns cannot be read, or the "
                            + "kernel has no such namespaces", "write its inode number")
                    return nil
                }
                inodes.append(Int128(inode)...Int128(inode))
            }
        }
        let number = NumberOperand(oneOf: inodes)
        var filter = FilterDraft(
            what: POL_NAMESPACE, index: UInt8(match.namespace.kernelNumber.rawValue), operation: number.operation,
            operand: number.operand, set: number.set)
        filter.isNegated = match.membership == .isNotIn
        return filter
    }

    private func filter(_ match: CapabilityMatch, _ what: pol_what) -> FilterDraft {
        var filter = FilterDraft(what: what, operation: POL_MASK)
        let set =
            switch match.set {
            case .effective: POL_CAPS_EFFECTIVE
            case .permitted: POL_CAPS_PERMITTED
            case .inheritable: POL_CAPS_INHERITABLE
            }
        filter.index = UInt8(set.rawValue | (match.isInNamespace ? POL_CAPS_IN_OWN_NS.rawValue : 0))
        filter.operand.a = match.capabilities.reduce(0) { $0 | 1 << UInt64($1.number) }
        filter.isNegated = match.membership == .isNotIn
        return filter
    }
}

extension KernelNamespace {
    var kernelNumber: pol_namespace {
        switch self {
        case .uts: POL_NS_UTS
        case .ipc: POL_NS_IPC
        case .mount: POL_NS_MNT
        case .pid: POL_NS_PID
        case .pidForChildren: POL_NS_PID_FOR_CHILDREN
        case .network: POL_NS_NET
        case .time: POL_NS_TIME
        case .timeForChildren: POL_NS_TIME_FOR_CHILDREN
        case .cgroup: POL_NS_CGROUP
        case .user: POL_NS_USER
        }
    }

    /// In /proc/1/ns.
    var fileName: String {
        switch self {
        case .uts: "uts"
        case .ipc: "ipc"
        case .mount: "mnt"
        case .pid: "pid"
        case .pidForChildren: "pid_for_children"
        case .network: "net"
        case .time: "time"
        case .timeForChildren: "time_for_children"
        case .cgroup: "cgroup"
        case .user: "user"
        }
    }
}
