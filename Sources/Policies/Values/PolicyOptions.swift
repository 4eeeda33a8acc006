// SPDX-License-Identifier: Apache-2.0
internal import Models

/// How a policy is loaded.
package struct PolicyOptions: Sendable, Equatable {
    package var disablesKprobeMulti = false
    package var disablesUprobeMulti = false
    package var overrideMethod: OverrideMethod?
    package var mode: Mode?

    package init() {}

    package enum OverrideMethod: String, Choice {
        case fmodRet = "fmod-ret"
        case overrideReturn = "override-return"

        package var doc: String {
            switch self {
            case .fmodRet: "By a program that runs before the function (fmod_ret)."
            case .overrideReturn: "By the kernel's error injection (bpf_override_return)."
            }
        }
    }

    /// Whether what it forbids is prevented.
    package enum Mode: String, Choice {
        case enforce, monitor

        package var doc: String {
            switch self {
            case .enforce: "It is prevented."
            case .monitor: "It is only told."
            }
        }
    }
}

/// An option as it is written: a name, and a text that the name gives a meaning.
struct OptionFields: Sendable {
    var name = Name.disablesKprobeMulti
    var value = ""

    enum Name: String, Choice {
        case disablesKprobeMulti = "disable-kprobe-multi"
        case disablesUprobeMulti = "disable-uprobe-multi"
        case overrideMethod = "override-method"
        case mode = "policy-mode"

        var since: Since { self == .mode ? .later : .first }

        var doc: String {
            switch self {
            case .disablesKprobeMulti: "true: a kprobe for each function, rather than one for all."
            case .disablesUprobeMulti: "true: a uprobe for each symbol, rather than one for all."
            case .overrideMethod: "fmod-ret or override-return: how calls are overridden."
            case .mode: "enforce or monitor: whether what is forbidden is prevented."
            }
        }
    }

    static let schema = ObjectSchema(
        "Option", OptionFields(), doc: "How the policy is loaded.",
        [
            .field("name", \.name, .choice, isRequired: true, "Which option."),
            .field("value", \.value, .text("a text", 0...64, takesNumbers: true), "What it is set to."),
        ]
    ) { option, reading in
        var options = PolicyOptions()
        if let expected = options.set(option) {
            reading.report(
                [.field("value")], "expected \(expected), found \(option.value.quoted)", expected: expected,
                found: option.value.quoted,
                nearest: nearestName(
                    to: option.value,
                    among: PolicyOptions.OverrideMethod.allCases.map(\.name) + PolicyOptions.Mode.allCases.map(\.name)))
        }
    }
}

extension PolicyOptions {
    static let codec = Codec<[OptionFields]>.list(
        of: .object(OptionFields.schema), 0...OptionFields.Name.allCases.count, placeholder: OptionFields()
    ).converted { fields, reading -> PolicyOptions? in
        var options = PolicyOptions()
        for (index, field) in fields.enumerated() {
            if fields[..<index].contains(where: { $0.name == field.name }) {
                reading.report([.index(index), .field("name")], "\(field.name.name) is set twice")
            }
            _ = options.set(field)
        }
        return options
    }

    /// - Returns: What was expected of the value, when it is something else.
    fileprivate mutating func set(_ field: OptionFields) -> String? {
        switch field.name {
        case .disablesKprobeMulti: return Self.set(&disablesKprobeMulti, field.value)
        case .disablesUprobeMulti: return Self.set(&disablesUprobeMulti, field.value)
        case .overrideMethod:
            overrideMethod = .named(field.value)
            return overrideMethod == nil ? "fmod-ret or override-return" : nil
        case .mode:
            mode = .named(field.value)
            return mode == nil ? "enforce or monitor" : nil
        }
    }

    private static func set(_ flag: inout Bool, _ value: String) -> String? {
        switch value {
        case "1", "t", "T", "true", "True", "TRUE": flag = true
        case "0", "f", "F", "false", "False", "FALSE": flag = false
        default: return "true or false"
        }
        return nil
    }
}
