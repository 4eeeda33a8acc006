// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Policies
internal import Sensors

/// What a policy asks of a hook, whatever its kind.
struct HookRequest {
    /// `spec.kprobes[1]`
    let path: String
    var kind: Kind
    var arguments: [HookArgument]
    /// nil: what it returns is not asked for.
    var returnArgument: HookArgument?
    var returnAction: Kprobe.ReturnAction?
    var selectors: [Selector]
    var message: String?
    var tags: [String]
    /// Whose arguments they are, where types tell of them.
    var functions: [String] = []
    var rawTracepoint: String?
    /// Calls are named by the policy, and not by a list that the kernel makes.
    var isNamed = true

    enum Kind {
        case function, systemCall, userFunction, rawTracepoint
        case securityHook(String)
        case userProbe(UserProbe)
        case tracepoint([TracepointField], isSystemCall: Bool)

        var returns: Bool {
            switch self {
            case .function, .systemCall, .userFunction: true
            case .rawTracepoint, .securityHook, .tracepoint, .userProbe: false
            }
        }

        /// What it passes comes from a program, addresses included.
        var isCallers: Bool {
            switch self {
            case .systemCall, .userFunction, .userProbe: true
            case .tracepoint(_, let isSystemCall): isSystemCall
            case .function, .rawTracepoint, .securityHook: false
            }
        }
    }

    func has(_ isWanted: (Action) -> Bool) -> Bool {
        selectors.contains { ($0.actions + $0.returnActions).contains(where: isWanted) }
    }

    /// The first selector that overrides, and the place of the action in it.
    var override: String? {
        for (number, selector) in selectors.enumerated() {
            for (index, action) in selector.actions.enumerated() {
                if case .override = action { return "\(path).selectors[\(number)].matchActions[\(index)]" }
            }
        }
        return nil
    }
}

/// What the kernel is given of a hook, wherever that will be.
struct HookDraft {
    var shape = pol_shape()
    var row = pol_row()
    var sets: [SetContent] = []
    var binarySets: [BinarySetContent] = []
    var references: [OperandReference] = []
    /// As events have them.
    var arguments: [HookDescription.Argument] = []
    var returnArgument: HookDescription.Argument?
    /// What selectors look at, by the index that they call it: the slot, and what it really is.
    var slots: [Slot] = []
    /// Slots with fields of what the hook passes, and which.
    var ways: [UInt8: String] = [:]
    var remarks: [String] = []

    struct Slot {
        /// What the policy calls it.
        var index: Int
        var slot: UInt8
        var type: ArgumentType
        var isReadAtReturn: Bool
        /// It is a field of what the hook passes.
        var isResolved = false
    }

    func hook(
        _ place: HookPlan.Place, _ described: HookDescription.Place, _ method: HookPlan.Method, _ reason: String,
        _ request: HookRequest, _ policy: TracingPolicy
    ) -> HookPlan {
        let namespace = if case .namespace(let name) = policy.scope { name } else { "" }
        var hook = HookPlan(
            place: place, method: method, reason: reason, shape: shape, row: row,
            description: HookDescription(
                row: 0, policy: policy.name, namespace: namespace, place: described, message: request.message ?? "",
                tags: request.tags, arguments: arguments, returnArgument: returnArgument,
                actions: request.selectors.map(\.actions), returnActions: request.selectors.map(\.returnActions)))
        hook.origin = HookOrigin(path: request.path) ?? .none
        hook.sets = sets
        hook.binarySets = binarySets
        hook.references = references
        hook.remarks = remarks
        hook.ways = ways
        return hook
    }
}

extension Planning {
    mutating func draft(_ request: HookRequest) -> HookDraft {
        var draft = HookDraft()
        draft.shape.is_scoped = plan.scope.isEverything ? 0 : 1
        if case .systemCall = request.kind { draft.shape.is_syscall = 1 }
        draft.row.is_monitored = isMonitored ? 1 : 0
        addValues(of: request, to: &draft)
        addSelectors(of: request, to: &draft)
        return draft
    }
}
