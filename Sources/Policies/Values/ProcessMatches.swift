// SPDX-License-Identifier: Apache-2.0

/// Whether something is among values.
package enum Membership: String, Choice {
    case isIn = "In"
    case isNotIn = "NotIn"

    package var doc: String {
        switch self {
        case .isIn: "It is one of the values."
        case .isNotIn: "It is none of the values."
        }
    }
}

/// Which processes, by their ids.
package struct PIDMatch: Sendable, Equatable {
    package var membership = Membership.isIn
    package var pids: [UInt32] = []
    package var isInNamespace = false
    package var includesDescendants = false

    package init() {}

    static let schema = ObjectSchema(
        "PIDMatch", PIDMatch(), doc: "Which processes, by their ids.",
        [
            .field("operator", \.membership, .choice, isRequired: true, "How ids are compared."),
            .field(
                "values", \.pids, .list(of: .integer(0...UInt32(Int32.max)), 1...Selector.maximumValues),
                isRequired: true,
                "Process ids."),
            .field(
                "isNamespacePID", \.isInNamespace, .boolean, "The ids are those that the process itself sees."),
            .field("followForks", \.includesDescendants, .boolean, "Also what descends from these processes."),
        ])
}

/// Which processes, by what they run.
package struct BinaryMatch: Sendable, Equatable {
    package var comparison = Comparison.isIn
    package var paths: [String] = []
    package var includesChildren = false

    package init() {}

    package enum Comparison: String, Choice {
        case isIn = "In"
        case isNotIn = "NotIn"
        case prefix = "Prefix"
        case notPrefix = "NotPrefix"
        case postfix = "Postfix"
        case notPostfix = "NotPostfix"

        package var doc: String {
            switch self {
            case .isIn: "The path is one of the values."
            case .isNotIn: "The path is none of the values."
            case .prefix: "The path begins with one of the values."
            case .notPrefix: "The path begins with none of the values."
            case .postfix: "The path ends with one of the values."
            case .notPostfix: "The path ends with none of the values."
            }
        }

        /// In bytes.
        var longest: Int {
            switch self {
            case .isIn, .isNotIn: 255
            case .prefix, .notPrefix: Operand.longestPrefix
            case .postfix, .notPostfix: Operand.longestPostfix
            }
        }
    }

    static let schema = ObjectSchema(
        "BinaryMatch", BinaryMatch(), doc: "Which processes, by the path of what they run.",
        [
            .field("operator", \.comparison, .choice, isRequired: true, "How paths are compared."),
            .field(
                "values", \.paths, .list(of: .text("a path", 1...256, takesNumbers: true), 1...Selector.maximumValues),
                isRequired: true,
                "Paths, or their beginnings or ends. Whole ones have at most 255 bytes, beginnings 256, ends 127."),
            .field("followChildren", \.includesChildren, .boolean, "Also what descends from these. Only with In."),
        ]
    ) { match, reading in
        if match.includesChildren, match.comparison != .isIn {
            reading.report(
                [.field("followChildren")], "only In can follow children, and the operator is \(match.comparison.name)")
        }
        let longest = match.comparison.longest
        for (index, path) in match.paths.enumerated() where path.utf8.count > longest {
            reading.report(
                [.field("values"), .index(index)],
                "\(match.comparison.name) compares at most \(longest) bytes, found \(path.utf8.count)")
        }
    }
}

/// Which processes, by a namespace that they are in.
package struct NamespaceMatch: Sendable, Equatable {
    package var namespace = KernelNamespace.uts
    package var membership = Membership.isIn
    package var values: [Value] = []

    package enum Value: Sendable, Equatable {
        case host
        /// As `readlink /proc/self/ns/net` shows it.
        case inode(UInt32)
    }

    package init() {}

    static let schema = ObjectSchema(
        "NamespaceMatch", NamespaceMatch(), doc: "Which processes, by a namespace that they are in.",
        [
            .field("namespace", \.namespace, .choice, isRequired: true, "Which kind of namespace."),
            .field("operator", \.membership, .choice, isRequired: true, "How namespaces are compared."),
            .field(
                "values", \.values,
                .list(
                    of: .parsed(
                        "a namespace's inode number or host_ns", 1...10, pattern: "host_ns|[0-9]+", takesNumbers: true
                    ) { text in
                        if text == "host_ns" { return .host }
                        return text.hasPrefix("+") ? nil : UInt32(text).map { .inode($0) }
                    }, 1...Selector.maximumValues), isRequired: true,
                "Inode numbers of namespaces, or host_ns for the host's."),
        ])
}

/// Calls that change a namespace of the process.
package struct NamespaceChangeMatch: Sendable, Equatable {
    package var membership = Membership.isIn
    package var namespaces: [KernelNamespace] = []

    package init() {}

    static let schema = ObjectSchema(
        "NamespaceChangeMatch", NamespaceChangeMatch(),
        doc: "Whether a namespace of the process is another than when it was last looked at.",
        [
            .field("operator", \.membership, .choice, isRequired: true, "Whether it is one of these, or another."),
            .field(
                "values", \.namespaces, .list(of: .choice, 1...KernelNamespace.allCases.count), isRequired: true,
                "Kinds of namespaces."),
        ])
}

/// Which processes, by a capability that they have.
package struct CapabilityMatch: Sendable, Equatable {
    package var set = CapabilitySet.effective
    package var membership = Membership.isIn
    package var isInNamespace = false
    package var capabilities: [Capability] = []

    package enum CapabilitySet: String, Choice {
        case effective = "Effective"
        case inheritable = "Inheritable"
        case permitted = "Permitted"

        package var doc: String {
            switch self {
            case .effective: "What the process may do now."
            case .inheritable: "What a program that it executes may get."
            case .permitted: "What the process may take."
            }
        }
    }

    package init() {}

    static let schema = schema("CapabilityMatch", doc: "Which processes, by a capability that they have.")
    static let changeSchema = schema(
        "CapabilityChangeMatch",
        doc: "Whether a capability of the process has come or gone since it was last looked at.")

    private static func schema(_ name: String, doc: String) -> ObjectSchema<CapabilityMatch> {
        ObjectSchema(
            name, CapabilityMatch(), doc: doc,
            [
                .field("type", \.set, .choice, "Which set of capabilities."),
                .field("operator", \.membership, .choice, isRequired: true, "How they are compared."),
                .field(
                    "isNamespaceCapability", \.isInNamespace, .boolean,
                    "Only those of processes in another user namespace than the host's."),
                .field(
                    "values", \.capabilities, .list(of: .choice, 1...Capability.allCases.count), isRequired: true,
                    "Capabilities."),
            ])
    }
}
