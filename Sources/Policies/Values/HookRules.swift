// SPDX-License-Identifier: Apache-2.0

/// What the parts of a hook may not say together.
struct HookRules {
    enum Kind {
        case function, tracepoint, userFunction, probe, securityHook
    }

    let arguments: [HookArgument]
    let selectors: [Selector]
    let returnArgument: HookArgument?
    let kind: Kind

    func check(_ reading: inout Reading) {
        for (index, argument) in arguments.enumerated() where kind != .tracepoint {
            reading.within(.field("args"), .index(index)) { reading in
                if reading.isClean() { check(argument, &reading) }
            }
        }
        if let returnArgument, reading.isClean(.field("returnArg")) {
            reading.within(.field("returnArg")) { check(returnArgument, &$0) }
        }
        // What selectors say of arguments that are wrong themselves is nothing to go by.
        guard ["args", "return", "returnArg"].allSatisfy({ reading.isClean(.field($0)) }) else { return }
        for (index, selector) in selectors.enumerated() {
            reading.within(.field("selectors"), .index(index)) { reading in
                if reading.isClean() { check(selector, &reading) }
            }
        }
    }

    private func check(_ argument: HookArgument, _ reading: inout Reading) {
        if argument.type == .auto || argument.type == .syscall64 {
            reading.report(
                [.field("type")], "\(argument.type.name) is only for tracepoints: say which type it is",
                expected: "a type",
                found: argument.type.name)
        }
    }

    private func check(_ selector: Selector, _ reading: inout Reading) {
        check(selector.arguments, "matchArgs", among: arguments, "args", &reading)
        if let returnArgument {
            check(selector.returnArguments, "matchReturnArgs", among: [returnArgument], "returnArg", &reading)
        } else {
            for field in [
                selector.returnArguments.isEmpty ? nil : "matchReturnArgs",
                selector.returnActions.isEmpty ? nil : "matchReturnActions",
            ].compactMap({ $0 }) {
                let reason =
                    switch kind {
                    case .function, .userFunction: "nothing is known of what it returns: return is not true"
                    case .tracepoint: "a tracepoint returns nothing"
                    case .probe: "a probe of a program returns nothing"
                    case .securityHook: "an LSM hook runs before there is anything to return"
                    }
                reading.report([.field(field)], reason)
            }
        }
        for (index, action) in selector.actions.enumerated() {
            reading.within(.field("matchActions"), .index(index)) { check(action, isReturn: false, &$0) }
        }
        for (index, action) in selector.returnActions.enumerated() {
            reading.within(.field("matchReturnActions"), .index(index)) { check(action, isReturn: true, &$0) }
        }
    }

    private func check(
        _ matches: [ArgumentMatch], _ field: String, among arguments: [HookArgument], _ place: String,
        _ reading: inout Reading
    ) {
        for (number, match) in matches.enumerated() {
            reading.within(.field(field), .index(number)) { reading in
                guard let argument = argument(match.index, among: arguments) else {
                    return reportUndeclared(match.index, .field("index"), arguments, place, &reading)
                }
                let isTwice = matches[..<number].contains {
                    $0.index == match.index && $0.comparison == match.comparison
                }
                if isTwice, match.comparison.excludesItself {
                    return reading.report(
                        [.field("operator")],
                        "argument \(match.index) has to meet \(match.comparison.name) twice: put the values into one")
                }
                check(match, argument.type, &reading)
            }
        }
    }

    private func check(_ match: ArgumentMatch, _ type: ArgumentType, _ reading: inout Reading) {
        do throws(OperandRefusal) {
            _ = try match.operand(of: type)
        } catch {
            guard let index = error.index, match.values.indices.contains(index) else {
                return reading.report(
                    [.field("operator")], error.reason, expected: error.expected, nearest: error.nearest)
            }
            reading.report(
                [.field("values"), .index(index)], error.reason, expected: error.expected,
                found: match.values[index].quoted, nearest: error.nearest)
        }
    }

    private func check(_ action: Action, isReturn: Bool, _ reading: inout Reading) {
        switch action {
        case .override(let error) where kind == .securityHook && !(-4095...0).contains(error):
            reading.report(
                [.field("argError")], "an LSM hook returns 0 or an error's number from -4095 to -1, not \(error)",
                expected: "an integer from -4095 to 0", found: "\(error)")
        case .override where isReturn:
            reading.report(
                [.field("action")], "Override cannot undo a call that has returned: it belongs to matchActions")
        case .override where kind == .tracepoint:
            reading.report([.field("action")], "a tracepoint has nothing to override")
        case .override where kind == .probe:
            reading.report([.field("action")], "a probe of a program has nothing to override")
        case .override where kind == .userFunction:
            reading.report([.field("action")], "functions of programs cannot be overridden")
        case .notifyEnforcer where kind == .userFunction || kind == .probe:
            reading.report(
                [.field("action")],
                kind == .probe ? "probes of programs have no enforcers" : "functions of programs have no enforcers")
        case .post(let post) where post.hasIMAHash && kind != .securityHook:
            reading.report([.field("imaHash")], "files' hashes are known in lsmhooks only")
        case .followFD(let descriptor, let name), .unfollowFD(let descriptor, let name),
            .copyFD(let descriptor, let name):
            check(descriptor, "argFd", &reading)
            if name != descriptor { check(name, "argName", &reading) }
        case .trackSock(let socket), .untrackSock(let socket):
            if isReturn, let returnArgument, returnArgument.index == socket { return }
            check(socket, "argSock", &reading)
            if let type = argument(socket, among: arguments)?.type, type.comparison != .socket,
                type.comparison != .unknown
            {
                reading.report([.field("argSock")], "argument \(socket) is no socket but of type \(type.name)")
            }
        default: break
        }
    }

    private func check(_ index: Int, _ field: String, _ reading: inout Reading) {
        guard argument(index, among: arguments) == nil else { return }
        reportUndeclared(index, .field(field), arguments, "args", &reading)
    }

    private func argument(_ index: Int, among arguments: [HookArgument]) -> HookArgument? {
        kind == .tracepoint ? arguments.field(index) : arguments.first { $0.index == index }
    }

    private func reportUndeclared(
        _ index: Int, _ step: Step, _ arguments: [HookArgument], _ place: String, _ reading: inout Reading
    ) {
        let declared = arguments.map { "\($0.index)" }.joined(separator: ", ")
        reading.report(
            [step], "no argument \(index) is declared in \(place)" + (declared.isEmpty ? "" : ", only \(declared)"),
            expected: declared.isEmpty ? nil : "one of \(declared)", found: "\(index)")
    }
}

extension [HookArgument] {
    /// Which of a tracepoint's arguments a selector means: the one of this field, else the one at this place of the list.
    package func field(_ index: Int) -> HookArgument? {
        first { $0.index == index } ?? (indices.contains(index) ? self[index] : nil)
    }
}

extension ArgumentOperator {
    /// Two of it ask for what only one can be.
    fileprivate var excludesItself: Bool {
        switch self {
        case .equal, .greaterThan, .lessThan, .sourcePort, .destinationPort, .protocol, .family, .state, .inMap: true
        default: false
        }
    }
}

/// Where an action stands in a hook.
struct ActionPlace {
    let selector: Int
    let field: String
    let action: Int
}

extension [Selector] {
    func actions(where isWanted: (Action) -> Bool) -> [(ActionPlace, Action)] {
        enumerated().flatMap { number, selector in
            [("matchActions", selector.actions), ("matchReturnActions", selector.returnActions)].flatMap {
                field, actions in
                actions.enumerated().filter { isWanted($0.element) }.map {
                    (ActionPlace(selector: number, field: field, action: $0.offset), $0.element)
                }
            }
        }
    }
}
