// SPDX-License-Identifier: Apache-2.0
internal import Policies

/// A hook of a policy, how it is, and what its selectors count.
package struct HookStatus: Sendable, Equatable {
    /// The numbers are those of the API's HookState.
    package enum State: Int, Sendable, CaseIterable {
        /// Not in the kernel: its policy is not loaded, or is disabled.
        case absent = 0
        case loaded = 1
        /// This kernel has nothing to hook of that name.
        case callNotFound = 3
        /// Of several some are hooked, and others this kernel has not.
        case partialCallNotFound = 4
    }

    package struct Account: Sendable, Equatable {
        /// nil: of a hook without selectors.
        package var selector: Int?
        /// What the selector does.
        package var label: String
        package var counts = PolicyCounts()

        package init(selector: Int?, label: String, counts: PolicyCounts = PolicyCounts()) {
            self.selector = selector
            self.label = label
            self.counts = counts
        }
    }

    package var origin: HookOrigin
    /// In the policy's words.
    package var name: String
    package var state: State
    /// `kprobe`; empty for one that this kernel does not have, or was never asked for.
    package var method = ""
    /// Where it is in the kernel; where it is not there, in the policy's words.
    package var place: String
    /// One for each selector, or the one of a hook that has none.
    package var accounts: [Account]

    /// A hook that is not there.
    package init(_ declared: DeclaredHook, _ state: State = .absent) {
        origin = declared.origin
        name = declared.name
        self.state = state
        place = declared.name
        accounts = declared.selectors.enumerated().map { Account(selector: $0.offset, label: $0.element) }
        if accounts.isEmpty { accounts = [Account(selector: nil, label: "Post")] }
    }

    /// A hook as it was loaded.
    init(_ declared: DeclaredHook, _ plans: [HookPlan], isLeftOut: Bool) {
        self.init(declared, plans.isEmpty ? .callNotFound : isLeftOut ? .partialCallNotFound : .loaded)
        guard !plans.isEmpty else { return }
        method = plans.map(\.method.rawValue).unique.joined(separator: ", ")
        place = plans.prefix(Self.mostPlaces).map { "\($0.place)" }.joined(separator: ", ")
        if plans.count > Self.mostPlaces { place += ", and \(plans.count - Self.mostPlaces) more" }
    }

    /// Trampolines are of one function each.
    private static let mostPlaces = 4

    var isMissing: Bool { state == .callNotFound || state == .partialCallNotFound }
}

extension PolicyStatus {
    /// What its hooks are once it holds.
    static func hooks(of plan: PolicyPlan) -> [HookStatus] {
        let planned = Dictionary(grouping: plan.hooks, by: \.origin)
        return DeclaredHook.all(of: plan.policy.spec).map {
            HookStatus($0, planned[$0.origin] ?? [], isLeftOut: plan.leftOut.contains($0.origin))
        }
    }

    /// What they are where it could not be loaded.
    static func hooks(of declared: [DeclaredHook], without error: any Error) -> [HookStatus] {
        let missing = (error as? PlanError)?.problems.filter(\.isAbsence).compactMap { HookOrigin(path: $0.path) } ?? []
        return declared.map { HookStatus($0, missing.contains($0.origin) ? .callNotFound : .absent) }
    }

    /// Tells what the policy's hooks have counted: each selector's, and beside them that of hooks which it has no more.
    mutating func tell(_ account: PolicyAccount) {
        var account = account
        counts = account.total
        for index in hooks.indices {
            account.move(into: &hooks[index])
        }
        earlierCounts = account.rest
    }

    /// Not all of what is loaded is there, as its policy allows.
    var refinedState: State {
        guard state == .enabled, hooks.contains(where: \.isMissing) else { return state }
        return sensors.isEmpty ? .skipped : .partiallyEnabled
    }
}
