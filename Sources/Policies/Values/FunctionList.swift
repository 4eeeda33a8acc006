// SPDX-License-Identifier: Apache-2.0
internal import RE2

/// Functions or system calls that a policy names together.
package struct FunctionList: Sendable, Equatable {
    package var name = ""
    package var kind = Kind.functions
    package var values: [String] = []
    /// Which functions a generated list has: an expression of RE2's that matches anywhere in the name.
    package var pattern: String?

    package init() {}

    package enum Kind: String, Choice {
        case functions = "none"
        case systemCalls = "syscalls"
        case generatedSystemCalls = "generated_syscalls"
        case generatedFunctions = "generated_ftrace"

        package var doc: String {
            switch self {
            case .functions: "The values are functions of the kernel."
            case .systemCalls: "The values are system calls."
            case .generatedSystemCalls: "All system calls that the machine has. No values."
            case .generatedFunctions: "All functions that the kernel can trace and that pattern matches. No values."
            }
        }
    }

    static let schema = ObjectSchema(
        "FunctionList", FunctionList(), doc: "Functions or system calls that the policy names together.",
        [
            .field("name", \.name, .text("a list's name", 1...128), isRequired: true, "What list:NAME says."),
            .field("type", \.kind, .choice, "What its values are, and whence."),
            .field(
                "values", \.values,
                .list(
                    of: .parsed("a function's name", 1...128, pattern: "([a-z0-9]+/)?[A-Za-z_][A-Za-z0-9_.$]*") {
                        CallTarget.isSymbol(String($0.drop { $0 != "/" }.dropFirst())) || CallTarget.isSymbol($0)
                            ? $0 : nil
                    }, 0...Selector.maximumValues),
                "The functions or system calls; of the latter sys_open, or abi32/sys_open for one of another ABI."),
            .optional(
                "pattern", \.pattern, .text("a regular expression", 1...1024), "For generated_ftrace: which functions."),
            .unread("validated", as: .boolean, "Left by others in the same place; nobody reads it."),
        ]
    ) { list, reading in
        switch list.kind {
        case .functions, .systemCalls:
            if list.values.isEmpty {
                reading.report([.field("values")], "a list of type \(list.kind.name) needs values")
            }
        case .generatedSystemCalls, .generatedFunctions:
            if !list.values.isEmpty {
                reading.report([.field("values")], "a list of type \(list.kind.name) is generated and has no values")
            }
        }
        switch (list.kind, list.pattern) {
        case (.generatedFunctions, nil):
            reading.report([.field("pattern")], "it is missing: a list of type generated_ftrace needs one")
        case (.generatedFunctions, let pattern?):
            do {
                _ = try RegularExpression(pattern)
            } catch {
                reading.report([.field("pattern")], "\(error)", expected: "a regular expression", found: pattern.quoted)
            }
        case (_, _?):
            reading.warn([.field("pattern")], "it has no effect: only a list of type generated_ftrace has one")
        case (_, nil): break
        }
    }
}
