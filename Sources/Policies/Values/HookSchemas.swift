// SPDX-License-Identifier: Apache-2.0

extension Kprobe {
    static let schema = ObjectSchema(
        "Kprobe", Kprobe(), doc: "A function of the kernel, or a system call.",
        [
            .field(
                "call", \.call, CallTarget.codec, isRequired: true, "The function, or list:NAME for those of a list."),
            .field(
                "syscall", \.isSystemCall, .boolean, "It is a system call: the machine's prefix is added to its name."),
            .hookArguments(\.arguments, HookArgument.schema),
            .field("return", \.hasReturn, .boolean, "Also what it returns; returnArg says of what type that is."),
            .optional("returnArg", \.returnArgument, .object(HookArgument.returnSchema), "What it returns."),
            .optional(
                "returnArgAction", \.returnArgumentAction, .choice, "What is done with the returned value itself."),
            .hookMessage(\.message), .hookTags(\.tags), .hookSelectors(\.selectors),
            .field(
                "ignore", \.mayBeMissing,
                Codec<IgnoredProblems>.object(IgnoredProblems.schema).converted { ignored, _ in
                    ignored.callNotFound
                }, since: .later, "What is no error."),
        ], judgesParts: true
    ) { probe, reading in
        HookRules(
            arguments: probe.arguments, selectors: probe.selectors,
            returnArgument: probe.hasReturn ? probe.returnArgument : nil, kind: .function
        ).check(&reading)
        checkReturn(probe.hasReturn, probe.returnArgument, &reading)
        if !probe.isSystemCall, reading.isClean(.field("call")), reading.isClean(.field("syscall")),
            case .symbol(let name) = probe.call, !name.isSecurityFunction
        {
            for (path, _) in probe.selectors.actions(where: { if case .override = $0 { true } else { false } }) {
                reading.report(
                    [
                        .field("selectors"), .index(path.selector), .field(path.field), .index(path.action),
                        .field("action"),
                    ],
                    "only system calls and functions named security_… can be overridden, and the call is \(name.quoted)"
                )
            }
        }
    }

    private struct IgnoredProblems: Sendable {
        var callNotFound = false

        static let schema = ObjectSchema(
            "IgnoredProblems", IgnoredProblems(), doc: "What is no error.",
            [.field("callNotFound", \.callNotFound, .boolean, "That this kernel has no such function.")])
    }
}

extension Tracepoint {
    static let schema = ObjectSchema(
        "Tracepoint", Tracepoint(), doc: "A tracepoint of the kernel.",
        [
            .field(
                "subsystem", \.subsystem, .name("a subsystem of tracepoints"), isRequired: true,
                "Its subsystem, such as syscalls."),
            .field(
                "event", \.event, .name("a tracepoint's name"), isRequired: true, "Its name, such as sys_enter_openat."),
            .field(
                "raw", \.isRaw, .boolean, since: .later,
                "Its arguments as the kernel passes them, rather than its record's fields."),
            .hookArguments(\.arguments, HookArgument.tracepointSchema),
            .hookMessage(\.message), .hookTags(\.tags), .hookSelectors(\.selectors),
        ], judgesParts: true
    ) { tracepoint, reading in
        HookRules(
            arguments: tracepoint.arguments, selectors: tracepoint.selectors, returnArgument: nil, kind: .tracepoint
        ).check(&reading)
    }
}

extension Uprobe {
    static let schema = ObjectSchema(
        "Uprobe", Uprobe(), doc: "Functions of a program or library.",
        [
            .field("path", \.path, .path, isRequired: true, "The program or library."),
            .field(
                "symbols", \.symbols, .list(of: .text("a symbol", 1...512), 0...1024),
                "The functions, by their symbols."),
            .field(
                "offsets", \.offsets, .list(of: .integer(0...UInt64(Int64.max)), 0...1024), since: .later,
                "Places in the file."),
            .hookArguments(\.arguments, HookArgument.schema),
            .field(
                "return", \.hasReturn, .boolean, since: .later,
                "Also what it returns; returnArg says of what type that is."),
            .optional(
                "returnArg", \.returnArgument, .object(HookArgument.returnSchema), since: .later, "What it returns."),
            .hookMessage(\.message), .hookTags(\.tags), .hookSelectors(\.selectors),
        ], judgesParts: true
    ) { probe, reading in
        HookRules(
            arguments: probe.arguments, selectors: probe.selectors,
            returnArgument: probe.hasReturn ? probe.returnArgument : nil, kind: .userFunction
        ).check(&reading)
        if probe.symbols.isEmpty, probe.offsets.isEmpty, reading.isClean(.field("symbols")),
            reading.isClean(.field("offsets"))
        {
            reading.report([.field("symbols")], "it is missing: expected symbols or offsets")
        }
        checkReturn(probe.hasReturn, probe.returnArgument, &reading)
    }
}

extension LSMHook {
    static let schema = ObjectSchema(
        "LSMHook", LSMHook(), doc: "A hook for security modules, on which an Override prevents.",
        [
            .field("hook", \.hook, .name("an LSM hook's name"), isRequired: true, "The hook, such as file_open."),
            .hookArguments(\.arguments, HookArgument.schema),
            .hookMessage(\.message), .hookTags(\.tags), .hookSelectors(\.selectors),
        ], judgesParts: true
    ) { hook, reading in
        HookRules(arguments: hook.arguments, selectors: hook.selectors, returnArgument: nil, kind: .securityHook)
            .check(&reading)
    }
}

extension USDTProbe {
    static let schema = ObjectSchema(
        "USDTProbe", USDTProbe(), doc: "A probe that a program or library brings.",
        [
            .field("path", \.path, .path, isRequired: true, "The program or library."),
            .field("provider", \.provider, .text("a provider's name", 1...128), isRequired: true, "Who provides it."),
            .field("name", \.name, .text("a probe's name", 1...128), isRequired: true, "Its name."),
            .hookArguments(\.arguments, HookArgument.probeSchema),
            .hookMessage(\.message), .hookTags(\.tags), .hookSelectors(\.selectors),
        ], judgesParts: true
    ) { probe, reading in
        HookRules(arguments: probe.arguments, selectors: probe.selectors, returnArgument: nil, kind: .probe)
            .check(&reading)
    }
}

/// Whether there is a value to read and it is known how.
private func checkReturn(_ isRead: Bool, _ argument: HookArgument?, _ reading: inout Reading) {
    guard reading.isClean(.field("return")), reading.isClean(.field("returnArg")) else { return }
    switch (isRead, argument) {
    case (true, nil):
        reading.report([.field("returnArg")], "it is missing: return is true, and nothing says of what type that is")
    case (false, .some): reading.warn([.field("returnArg")], "it has no effect: return is not true")
    default: break
    }
}

/// Fields that all hooks have.
extension Field {
    fileprivate static func hookArguments(
        _ keyPath: any WritableKeyPath<Object, [HookArgument]> & Sendable, _ schema: ObjectSchema<HookArgument>
    ) -> Field {
        .field(
            "args", keyPath, .list(of: .object(schema), 0...5, placeholder: HookArgument()),
            "What events show and selectors may ask for, in this order.")
    }

    fileprivate static func hookMessage(_ keyPath: any WritableKeyPath<Object, String?> & Sendable) -> Field {
        .optional("message", keyPath, .text("a message", 2...256), "What events say of it.")
    }

    fileprivate static func hookTags(_ keyPath: any WritableKeyPath<Object, [String]> & Sendable) -> Field {
        .field("tags", keyPath, .list(of: .text("a tag", 2...128), 0...16), "Words by which events can be found.")
    }

    fileprivate static func hookSelectors(_ keyPath: any WritableKeyPath<Object, [Selector]> & Sendable) -> Field {
        .field(
            "selectors", keyPath,
            .list(of: .object(Selector.schema), 0...Selector.maximumPerHook, placeholder: Selector()),
            "What is done and when: the first that holds decides. Without any each call is posted.")
    }
}

extension Codec where Value == String {
    fileprivate static func name(_ what: String) -> Codec {
        .parsed(what, 1...128, pattern: "[A-Za-z_][A-Za-z0-9_]*") { $0.isIdentifier ? $0 : nil }
    }

    fileprivate static let path = Codec.parsed("an absolute path", 1...4095, pattern: "/.*") {
        $0.hasPrefix("/") && !$0.utf8.contains(0) ? $0 : nil
    }
}
