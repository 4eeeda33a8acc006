// SPDX-License-Identifier: Apache-2.0
import CRecords
import Policies
import PolicyEngine
import Testing

/// A policy of the whole cluster with this `spec`, whose lines begin at column 1.
func policy(_ spec: String) throws -> TracingPolicy {
    try PolicyReader.policy(
        of: "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: p\nspec:\n"
            + spec.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" }.joined(separator: "\n"))
}

func plan(_ spec: String, on kernel: FakeSurvey = .full) throws -> PolicyPlan {
    try Planner.plan(try policy(spec), on: kernel)
}

/// The one hook of a kprobe on a function with five arguments and this selector.
func hook(selector: String, on kernel: FakeSurvey = .full) throws -> HookPlan {
    let lines = selector.split(separator: "\n").enumerated().map { ($0.offset == 0 ? "  - " : "    ") + $0.element }
    let plan = try plan(
        """
        kprobes:
        - call: f
          syscall: false
          args:
          - {index: 0, type: int}
          - {index: 1, type: string}
          - {index: 2, type: sock}
          - {index: 3, type: uint64}
          - {index: 4, type: file}
          selectors:
        \(lines.joined(separator: "\n"))
        """, on: kernel)
    return try #require(plan.hooks.first)
}

/// What stands against a plan, as people see it.
func problems(_ spec: String, on kernel: FakeSurvey = .full) throws -> [String] {
    let policy = try policy(spec)
    do throws(PlanError) {
        _ = try Planner.plan(policy, on: kernel)
        return []
    } catch {
        return error.problems.map(\.description)
    }
}

/// A filter as the kernel gets it, its sets looked up.
struct SeenFilter: Equatable {
    var what: pol_what
    var index: UInt8 = 0
    var op: UInt32
    var a: UInt64 = 0
    var b: UInt64 = 0
    var set: SetContent?
    var binaries: BinarySetContent?
}

extension HookPlan {
    /// Of a selector at entry; of the one at return if there is none of that number.
    func filters(_ selector: Int? = 0) -> [SeenFilter] {
        let planned = selector.map { shape.entrySelectors[$0] } ?? shape.at_return
        return planned.allFilters.enumerated().prefix { $0.element.what != 0 }.map { position, filter in
            let operand = row.operand(position, of: selector) ?? pol_operand()
            let reference = references.first { $0.selector == selector && $0.filter == position }
            return SeenFilter(
                what: pol_what(UInt32(filter.what)), index: filter.index, op: UInt32(filter.op),
                a: reference == nil ? operand.a : 0, b: operand.b,
                set: reference.flatMap { $0.isBinary ? nil : sets[$0.set] },
                binaries: reference.flatMap { $0.isBinary ? binarySets[$0.set] : nil })
        }
    }
}

let negated = POL_NEGATED.rawValue
