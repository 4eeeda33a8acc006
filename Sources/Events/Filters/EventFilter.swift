// SPDX-License-Identifier: Apache-2.0
package import TetragonAPI

/// Which events somebody asks for: (nothing is asked for, or some allowed filter matches) and no denied one.
///
/// Compiled once, when somebody subscribes; asked for every event, on the writer thread. What is asked for is obeyed or
/// refused, never ignored: who asks for one pod's events and gets all of them without a word has been told something
/// false.
package struct EventFilter: Sendable {
    private let allowed: [Clause]
    private let denied: [Clause]
    /// What must be encoded of an event for the filter to read it.
    package let reads: EventFormats

    /// - Parameters:
    ///   - allowList, denyList: what errors call them.
    package init(
        allow: [Tetragon_Filter] = [], deny: [Tetragon_Filter] = [], allowList: String = "allow_list",
        denyList: String = "deny_list"
    ) throws(FilterError) {
        var compiler = FilterCompiler(for: [allow, deny])
        allowed = try compiler.clauses(allow, in: allowList)
        denied = try compiler.clauses(deny, in: denyList)
        reads = compiler.celCount > 0 ? .protobuf : []
    }

    /// Whether an event is asked for; to be called by the writer thread. Nil where every event is.
    package var predicate: (@Sendable (Event) -> Bool)? {
        if allowed.isEmpty && denied.isEmpty { return nil }
        return { [allowed, denied] event in
            (allowed.isEmpty || allowed.contains { $0.matches(event) }) && !denied.contains { $0.matches(event) }
        }
    }

    /// Whether a filter of the allow list names the kind in its event_set.
    package func names(_ kind: EventKind) -> Bool {
        allowed.contains { clause in
            clause.conditions.contains { ($0 as? EventSetCondition)?.kinds.contains(kind.rawValue) == true }
        }
    }

    /// One Filter: all that it says must hold. One that says nothing matches everything.
    struct Clause: Sendable {
        let conditions: [any EventCondition]

        func matches(_ event: Event) -> Bool { conditions.allSatisfy { $0.holds(for: event) } }
    }
}

/// One field of a filter, compiled. It reads the event's model, not its encodings, and does not hold for an event that
/// has not what it asks about.
protocol EventCondition: Sendable {
    func holds(for event: Event) -> Bool
}
