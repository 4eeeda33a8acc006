// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Policies
internal import Sensors

/// One filter of a selector in the making.
struct FilterDraft {
    var what: pol_what
    var index: UInt8 = 0
    var operation: pol_op
    var isNegated = false
    var operand = pol_operand()
    var set: SetContent?
    var binarySet: BinarySetContent?

    /// What is cheap to ask comes first: all have to hold.
    var cost: Int {
        switch what {
        case POL_PROCESS: 0
        case POL_BINARY: 1
        case POL_NAMESPACE: 2
        case POL_CAPABILITY: 3
        case POL_NAMESPACE_CHANGE, POL_CAPABILITY_CHANGE: 4
        case POL_NUMBER: 5
        case POL_BYTES: 7
        default: 6
        }
    }
}

/// Selectors: filters, and what they do.
extension Planning {
    mutating func addSelectors(of request: HookRequest, to draft: inout HookDraft) {
        guard request.selectors.count <= Int(POL_SELECTORS_MAX.rawValue) else {
            return report(
                "\(request.path).selectors",
                "a hook has at most \(POL_SELECTORS_MAX.rawValue) selectors, and there are \(request.selectors.count)")
        }
        draft.shape.selectors = UInt8(request.selectors.count)
        for (number, selector) in request.selectors.enumerated() {
            let path = "\(request.path).selectors[\(number)]"
            var planned = pol_selector()
            var filters = processFilters(selector, path)
            for (index, match) in selector.arguments.enumerated() {
                guard let slot = draft.slots.first(matching: match.index, in: request) else {
                    reportUnreadable(match.index, "\(path).matchArgs[\(index)]", request)
                    continue
                }
                filters += argumentFilters(match, slot.type, slot.slot, "\(path).matchArgs[\(index)]", &draft)
            }
            add(filters, of: number, to: &planned, &draft, path)
            let values = addActions(selector.actions, to: &planned, &draft, request, "\(path).matchActions", false)
            draft.row.setValues(values, of: number)
            draft.shape.setSelector(planned, at: number)
        }
        draft.shape.needs_binary =
            !request.selectors.isEmpty && request.selectors.allSatisfy(\.needsBinary) ? 1 : 0
        addReturnSelector(of: request, to: &draft)
    }

    /// What is asked and done at return: one for all selectors, so those that ask have to ask the same.
    private mutating func addReturnSelector(of request: HookRequest, to draft: inout HookDraft) {
        guard draft.shape.has_return != 0 else { return }
        let parts = request.selectors.map { ReturnPart(matches: $0.returnArguments, actions: $0.returnActions) }
        if let first = parts.first, let other = parts.firstIndex(where: { $0 != first }) {
            return report(
                "\(request.path).selectors[\(other)].matchReturnArgs",
                "what is asked of the returned value, and done then, has to be the same in all selectors of a hook",
                "write the same matchReturnArgs and matchReturnActions into each, or make it two policies")
        }
        let path = "\(request.path).selectors[0]"
        var planned = pol_selector()
        var filters: [FilterDraft] = []
        for (index, match) in (parts.first?.matches ?? []).enumerated() {
            guard let argument = draft.returnArgument else { continue }
            filters += argumentFilters(
                match, argument.type, argument.slot, "\(path).matchReturnArgs[\(index)]", &draft)
        }
        add(filters, of: nil, to: &planned, &draft, path)
        var actions = parts.first?.actions ?? []
        let returned = Int(POL_RETURN.rawValue)
        switch request.returnAction {
        case .trackSock: actions.append(.trackSock(returned))
        case .untrackSock: actions.append(.untrackSock(returned))
        case .post, nil: break
        }
        if !actions.isEmpty {
            draft.row.return_actions = addActions(
                actions, to: &planned, &draft, request, "\(path).matchReturnActions", true)
        }
        draft.shape.at_return = planned
    }

    private struct ReturnPart: Equatable {
        var matches: [ArgumentMatch]
        var actions: [Action]
    }

    private mutating func reportUnreadable(_ index: Int, _ path: String, _ request: HookRequest) {
        let argument = request.arguments.first { $0.index == index }
        if argument?.type == .nop {
            report("\(path).index", "argument \(index) is of type nop, which is never read", "say which type it is")
        } else if problems.isEmpty {
            // Else it is one of the arguments that have a problem of their own.
            report("\(path).index", "no argument \(index) is read")
        }
    }

    // MARK: Into shape and row

    /// - Parameter selector: nil: at return.
    private mutating func add(
        _ filters: [FilterDraft], of selector: Int?, to planned: inout pol_selector, _ draft: inout HookDraft,
        _ path: String
    ) {
        guard filters.count <= Int(POL_FILTERS_MAX.rawValue) else {
            return report(
                path,
                "a selector has at most \(POL_FILTERS_MAX.rawValue) filters of all kinds, and this has "
                    + "\(filters.count)",
                "put values of one kind into one filter, or make it two selectors")
        }
        // The sort is not stable by itself.
        let ordered = filters.enumerated().sorted { ($0.element.cost, $0.offset) < ($1.element.cost, $1.offset) }
        for (position, filter) in ordered.map(\.element).enumerated() {
            var slot = pol_filter()
            slot.what = UInt8(truncatingIfNeeded: filter.what.rawValue)
            slot.index = filter.index
            slot.op = UInt8(
                truncatingIfNeeded: filter.operation.rawValue | (filter.isNegated ? POL_NEGATED.rawValue : 0))
            planned.setFilter(slot, at: position)
            var operand = filter.operand
            if let set = filter.set {
                operand.a = UInt64(draft.sets.place(of: set))
                draft.references.append(
                    .init(selector: selector, filter: position, set: Int(operand.a), isBinary: false))
            } else if let set = filter.binarySet {
                operand.a = UInt64(draft.binarySets.place(of: set))
                draft.references.append(
                    .init(selector: selector, filter: position, set: Int(operand.a), isBinary: true))
            }
            draft.row.setOperand(operand, position, of: selector)
        }
    }
}

extension Selector {
    /// It matches nobody who runs none of its binaries.
    fileprivate var needsBinary: Bool {
        switch binaries?.comparison {
        case .isIn, .prefix, .postfix: true
        case .isNotIn, .notPrefix, .notPostfix, nil: false
        }
    }
}

extension [HookDraft.Slot] {
    /// Tracepoints' arguments can be called by their place as well.
    func first(matching index: Int, in request: HookRequest) -> HookDraft.Slot? {
        if let slot = first(where: { $0.index == index }) { return slot }
        guard case .tracepoint = request.kind, request.arguments.indices.contains(index) else { return nil }
        return first { $0.index == request.arguments[index].index }
    }
}

extension Array where Element: Equatable {
    /// Where it is; behind the others if it was not there.
    mutating func place(of element: Element) -> Int {
        if let index = firstIndex(of: element) { return index }
        append(element)
        return count - 1
    }
}
