// SPDX-License-Identifier: Apache-2.0
internal import CEL
internal import RE2
internal import SwiftProtobuf
internal import TetragonAPI

/// Makes conditions of Filter messages, and keeps count of what they ask for together.
struct FilterCompiler {
    /// Regular expressions in all filters of a request.
    private let expressionCount: Int
    /// Instructions of those that are compiled.
    private var programSize = 0
    /// Of CEL.
    private(set) var celCount = 0

    /// - Parameter filters: all that will be compiled, for what they share.
    init(for filters: [[Tetragon_Filter]]) {
        expressionCount = filters.joined().reduce(0) { sum, filter in
            Self.expressionFields.reduce(sum) { $0 + $1.patterns(filter).count }
        }
    }

    private typealias ExpressionField = (
        name: String, patterns: @Sendable (Tetragon_Filter) -> [String],
        condition: @Sendable (ExpressionList) -> any EventCondition
    )

    /// The fields that hold regular expressions.
    private static let expressionFields: [ExpressionField] = [
        ("namespace_regex", \.namespaceRegex, { NamespaceExpressionCondition(expressions: $0) }),
        ("pod_regex", \.podRegex, { PodNameCondition(expressions: $0) }),
        ("container_name_regex", \.containerNameRegex, { ContainerNameCondition(expressions: $0) }),
        ("container_id", \.containerID, { ContainerIDCondition(expressions: $0) }),
        ("binary_regex", \.binaryRegex, { BinaryCondition(expressions: $0) }),
        ("parent_binary_regex", \.parentBinaryRegex, { ParentBinaryCondition(expressions: $0) }),
        ("ancestor_binary_regex", \.ancestorBinaryRegex, { AncestorBinaryCondition(expressions: $0) }),
        ("arguments_regex", \.argumentsRegex, { ArgumentsCondition(expressions: $0) }),
        ("parent_arguments_regex", \.parentArgumentsRegex, { ParentArgumentsCondition(expressions: $0) }),
    ]

    mutating func clauses(_ filters: [Tetragon_Filter], in list: String) throws(FilterError) -> [EventFilter.Clause] {
        guard filters.count <= FilterBounds.filters else {
            throw .invalid(list, "\(filters.count) filters, and \(FilterBounds.filters) are the most")
        }
        var clauses: [EventFilter.Clause] = []
        for (index, filter) in filters.enumerated() {
            clauses.append(EventFilter.Clause(conditions: try conditions(filter, at: "\(list)[\(index)]")))
        }
        return clauses
    }

    /// Cheap ones first: the first that does not hold decides.
    private mutating func conditions(
        _ filter: Tetragon_Filter, at position: String
    ) throws(FilterError) -> [any EventCondition] {
        try Self.requireKnown(filter.unknownFields, at: position)
        var conditions: [any EventCondition] = []
        func field(_ name: String) -> String { "\(position).\(name)" }
        func add(_ condition: (any EventCondition)?) {
            if let condition { conditions.append(condition) }
        }
        add(try Self.eventSet(filter.eventSet, at: field("event_set")))
        add(try Self.values(filter.pid, at: field("pid")).map(PidCondition.init))
        add(
            try Self.truth(filter.hasInInitTree, filter.inInitTree, at: field("in_init_tree")).map(
                InitTreeCondition.init))
        add(
            try Self.truth(filter.hasHealthCheck, filter.healthCheck, at: field("health_check")).map(
                HealthCheckCondition.init))
        add(try Self.values(filter.namespace, at: field("namespace")).map(NamespaceCondition.init))
        add(try Self.values(filter.policyNames, at: field("policy_names")).map(PolicyCondition.init))
        if filter.hasCapabilities {
            add(try CapabilityCondition(filter.capabilities, at: field("capabilities")))
        }
        add(try Self.values(filter.pidSet, at: field("pid_set")).map(DescendantCondition.init))
        add(try labels(filter.labels, at: field("labels")))
        for expressionField in Self.expressionFields {
            add(
                try expressions(expressionField.patterns(filter), at: field(expressionField.name))
                    .map(expressionField.condition))
        }
        add(try cel(filter.celExpression, at: field("cel_expression")))
        return conditions
    }

    // MARK: Fields

    /// Nil where nothing is asked for.
    private static func values<Value: Hashable>(
        _ values: [Value], at position: String
    ) throws(FilterError) -> Set<Value>? {
        guard !values.isEmpty else { return nil }
        try requireFew(values.count, at: position)
        return Set(values)
    }

    private static func truth(
        _ isSet: Bool, _ value: Google_Protobuf_BoolValue, at position: String
    ) throws(FilterError) -> Bool? {
        guard isSet else { return nil }
        try requireKnown(value.unknownFields, at: position)
        return value.value
    }

    private static func eventSet(
        _ kinds: [Tetragon_EventType], at position: String
    ) throws(FilterError) -> EventSetCondition? {
        guard let numbers = try values(kinds.map(\.rawValue), at: position) else { return nil }
        for (index, kind) in kinds.enumerated() {
            if case .UNRECOGNIZED(let number) = kind {
                throw .invalid("\(position)[\(index)]", "there is no event type \(number)")
            }
            guard kind != .undef else { throw .invalid("\(position)[\(index)]", "no event has the type UNDEF") }
        }
        return EventSetCondition(kinds: numbers)
    }

    private func labels(_ selectors: [String], at position: String) throws(FilterError) -> LabelCondition? {
        guard !selectors.isEmpty else { return nil }
        try Self.requireFew(selectors.count, at: position)
        var parsed: [LabelSelector] = []
        for (index, text) in selectors.enumerated() {
            do throws(LabelSelectorError) {
                parsed.append(try LabelSelector(text))
            } catch {
                throw .invalid("\(position)[\(index)]", "\(error)")
            }
        }
        return LabelCondition(selectors: parsed)
    }

    private mutating func expressions(_ patterns: [String], at position: String) throws(FilterError) -> ExpressionList?
    {
        guard !patterns.isEmpty else { return nil }
        try Self.requireFew(patterns.count, at: position)
        guard expressionCount <= FilterBounds.expressions else {
            throw .invalid(
                position, "more than \(FilterBounds.expressions) regular expressions in all filters together")
        }
        var compiled: [RegularExpression] = []
        let memory = min(FilterBounds.expressionMemory, FilterBounds.allExpressionMemory / expressionCount)
        let limits = RegularExpression.Limits(patternSize: FilterBounds.valueSize, memory: memory)
        for (index, pattern) in patterns.enumerated() {
            let expression: RegularExpression
            do throws(RegularExpressionError) {
                expression = try RegularExpression(pattern, limits: limits)
            } catch {
                let share =
                    memory < FilterBounds.expressionMemory
                    ? "; of \(expressionCount) in a request each may take \(memory >> 10) KiB" : ""
                throw .invalid("\(position)[\(index)]", "\(error)\(share)")
            }
            programSize += expression.programSize
            guard programSize <= FilterBounds.programSize else {
                throw .invalid(
                    "\(position)[\(index)]",
                    """
                    with it the regular expressions of all filters together have \(programSize) instructions, and \
                    \(FilterBounds.programSize) are the most
                    """)
            }
            compiled.append(expression)
        }
        return ExpressionList(expressions: compiled)
    }

    private mutating func cel(_ expressions: [String], at position: String) throws(FilterError) -> CELCondition? {
        guard !expressions.isEmpty else { return nil }
        celCount += expressions.count
        guard celCount <= FilterBounds.celExpressions else {
            throw .invalid(position, "more than \(FilterBounds.celExpressions) CEL expressions in all filters together")
        }
        var programs: [Program] = []
        for (index, expression) in expressions.enumerated() {
            do throws(CompileError) {
                programs.append(try CELCondition.environment.compile(expression))
            } catch {
                throw .invalid("\(position)[\(index)]", "\(error)")
            }
        }
        return CELCondition(programs: programs)
    }

    // MARK: Bounds

    private static func requireFew(_ count: Int, at position: String) throws(FilterError) {
        guard count <= FilterBounds.values else {
            throw .invalid(position, "\(count) values, and \(FilterBounds.values) are the most")
        }
    }

    /// Whatever the API gains: what is not understood must not be there.
    static func requireKnown(_ fields: UnknownStorage, at position: String) throws(FilterError) {
        guard fields.data.isEmpty else {
            throw .unsupported(position, "it has a field that this version of Apus does not know")
        }
    }
}
