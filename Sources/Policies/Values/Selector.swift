// SPDX-License-Identifier: Apache-2.0

/// What a filter says of one argument.
package struct ArgumentMatch: Sendable, Equatable {
    package var index = 0
    package var comparison = ArgumentOperator.equal
    /// As they are written; `operand(of:)` is what they mean.
    package var values: [String] = []

    package init() {}

    /// What the argument is compared with. Does not fail for an argument of a hook of a policy that has been read.
    package func operand(of type: ArgumentType) throws(OperandRefusal) -> Operand {
        try Operand(values, comparison, type)
    }

    static let schema = ObjectSchema(
        "ArgumentMatch", ArgumentMatch(), doc: "What an argument has to be.",
        [
            .field(
                "index", \.index, .integer(0...63), isRequired: true,
                "Which argument; it has to be among args, or be the return value."),
            .field("operator", \.comparison, .choice, isRequired: true, "How it is compared."),
            .field(
                "values", \.values,
                .list(of: .text("a text", 0...4096, takesNumbers: true), 0...Selector.maximumValues),
                "What it is compared with. Numbers may be decimal, hexadecimal (0x1f) or octal (017)."),
        ]
    ) { match, reading in
        switch match.comparison {
        case .privilegedSourcePort, .notPrivilegedSourcePort, .privilegedDestinationPort,
            .notPrivilegedDestinationPort:
            if !match.values.isEmpty {
                reading.report(
                    [.field("values")], "\(match.comparison.name) takes no values: it says which ports by itself")
            }
        default:
            if match.values.isEmpty {
                reading.report(
                    [.field("values")], "\(match.comparison.name) needs at least one value, else it says nothing")
            }
        }
    }
}

/// When something is done, and what: all that it says has to hold.
package struct Selector: Sendable, Equatable {
    package var pids: [PIDMatch] = []
    package var binaries: BinaryMatch?
    package var parentBinaries: BinaryMatch?
    package var arguments: [ArgumentMatch] = []
    package var returnArguments: [ArgumentMatch] = []
    package var namespaces: [NamespaceMatch] = []
    package var namespaceChange: NamespaceChangeMatch?
    package var capabilities: [CapabilityMatch] = []
    package var capabilityChanges: [CapabilityMatch] = []
    package var actions: [Action] = []
    package var returnActions: [Action] = []

    package init() {}

    /// Filters of one kind in one selector are slots of a program; their values are rows of a map.
    static let maximumPerHook = 5
    static let maximumFilters = 5
    static let maximumNamespaces = 10
    static let maximumActions = 3
    static let maximumValues = 4096

    static let schema = ObjectSchema(
        "Selector", Selector(), doc: "When something is done, and what. All that it says has to hold.",
        [
            .field(
                "matchPIDs", \.pids, .list(of: .object(PIDMatch.schema), 0...maximumFilters, placeholder: PIDMatch()),
                "Which processes, by their ids."),
            .field(
                "matchBinaries", \.binaries, single(.object(BinaryMatch.schema)), "Which processes, by what they run."),
            .field(
                "matchParentBinaries", \.parentBinaries, single(.object(BinaryMatch.schema)), since: .later,
                "Which processes, by what their parents run."),
            .field(
                "matchArgs", \.arguments,
                .list(of: .object(ArgumentMatch.schema), 0...maximumFilters, placeholder: ArgumentMatch()),
                "Which calls, by their arguments."),
            .field(
                "matchReturnArgs", \.returnArguments,
                .list(of: .object(ArgumentMatch.schema), 0...maximumFilters, placeholder: ArgumentMatch()),
                "Which calls, by what they return. Needs return: true."),
            .field(
                "matchNamespaces", \.namespaces,
                .list(of: .object(NamespaceMatch.schema), 0...maximumNamespaces, placeholder: NamespaceMatch()),
                "Which processes, by their namespaces."),
            .field(
                "matchNamespaceChanges", \.namespaceChange, single(.object(NamespaceChangeMatch.schema)),
                "Which processes, by a change of their namespaces."),
            .field(
                "matchCapabilities", \.capabilities,
                .list(of: .object(CapabilityMatch.schema), 0...maximumFilters, placeholder: CapabilityMatch()),
                "Which processes, by their capabilities."),
            .field(
                "matchCapabilityChanges", \.capabilityChanges,
                .list(of: .object(CapabilityMatch.changeSchema), 0...maximumFilters, placeholder: CapabilityMatch()),
                "Which processes, by a change of their capabilities."),
            .field(
                "matchActions", \.actions, .list(of: Action.codec, 0...maximumActions, placeholder: .noPost),
                "What is done, in this order. Without any an event is posted."),
            .field(
                "matchReturnActions", \.returnActions,
                .list(of: Action.codec, 0...maximumActions, placeholder: .noPost),
                "What is done when matchReturnArgs holds, too. Needs return: true."),
        ])

    /// A list that has one element if it has any.
    private static func single<Element: Sendable>(_ element: Codec<Element>) -> Codec<Element?> {
        Codec<[Element]>.list(of: element, 0...1).converted { elements, _ -> Element?? in .some(elements.first) }
    }
}
