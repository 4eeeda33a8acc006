// SPDX-License-Identifier: Apache-2.0
internal import Processes
internal import SwiftProtobuf
internal import TetragonAPI

/// capabilities: a condition on each of the sets that are named. All must hold.
struct CapabilityCondition: EventCondition {
    private let permitted: SetCondition?
    private let effective: SetCondition?
    private let inheritable: SetCondition?

    init(_ filter: Tetragon_CapFilter, at position: String) throws(FilterError) {
        try FilterCompiler.requireKnown(filter.unknownFields, at: position)
        permitted = try filter.hasPermitted ? SetCondition(filter.permitted, at: "\(position).permitted") : nil
        effective = try filter.hasEffective ? SetCondition(filter.effective, at: "\(position).effective") : nil
        inheritable = try filter.hasInheritable ? SetCondition(filter.inheritable, at: "\(position).inheritable") : nil
        guard permitted != nil || effective != nil || inheritable != nil else {
            throw .invalid(position, "one of permitted, effective and inheritable must be set")
        }
    }

    func holds(for event: Event) -> Bool {
        guard let sets = event.process?.capabilities else { return false }
        return permitted?.holds(for: sets.permitted) ?? true && effective?.holds(for: sets.effective) ?? true
            && inheritable?.holds(for: sets.inheritable) ?? true
    }
}

/// A condition on one set: bit n is the capability n.
private struct SetCondition: Sendable {
    private enum Operator: String, CaseIterable {
        case any, all, exactly, none
    }

    private let kind: Operator
    private let wanted: UInt64

    init(_ filter: Tetragon_CapFilterSet, at position: String) throws(FilterError) {
        try FilterCompiler.requireKnown(filter.unknownFields, at: position)
        let lists: [(kind: Operator, capabilities: [Tetragon_CapabilitiesType])] = [
            (.any, filter.any), (.all, filter.all), (.exactly, filter.exactly), (.none, filter.none),
        ]
        let used = lists.filter { !$0.capabilities.isEmpty }
        guard let only = used.first, used.count == 1 else {
            let names = used.map(\.kind.rawValue).joined(separator: " and ")
            throw .invalid(
                position,
                "one of any, all, exactly and none must be used" + (used.isEmpty ? "" : ", not \(names)"))
        }
        kind = only.kind
        var bits: UInt64 = 0
        for (index, capability) in only.capabilities.enumerated() {
            if case .UNRECOGNIZED(let number) = capability {
                throw .invalid("\(position).\(only.kind.rawValue)[\(index)]", "there is no capability \(number)")
            }
            bits |= 1 << UInt64(capability.rawValue)
        }
        wanted = bits
    }

    func holds(for set: UInt64) -> Bool {
        switch kind {
        case .any: set & wanted != 0
        case .all: set & wanted == wanted
        case .exactly: set == wanted
        case .none: set & wanted == 0
        }
    }
}
