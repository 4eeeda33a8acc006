// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Glibc
internal import Policies

/// A filter as the kernel has it, in words.
struct FilterWords {
    let filter: pol_filter
    let operand: pol_operand
    let set: SetContent?
    let binarySet: BinarySetContent?

    var text: String {
        switch UInt32(filter.what) {
        case POL_NUMBER.rawValue, POL_BYTES.rawValue: value + comparison
        case POL_ADDRESS_FROM.rawValue: "the source address of \(value)\(comparison)"
        case POL_ADDRESS_TO.rawValue: "the destination address of \(value)\(comparison)"
        case POL_PORT_FROM.rawValue: "the source port of \(value)\(comparison)"
        case POL_PORT_TO.rawValue: "the destination port of \(value)\(comparison)"
        case POL_PROTOCOL.rawValue: "the protocol of \(value)\(comparison)"
        case POL_FAMILY.rawValue: "the family of \(value)\(comparison)"
        case POL_STATE.rawValue: "the state of \(value)\(comparison)"
        case POL_PROCESS.rawValue: (filter.index == 0 ? "the pid" : "the pid in its namespace") + comparison
        case POL_BINARY.rawValue: binary
        case POL_NAMESPACE.rawValue: "the \(Self.namespaces[Int(filter.index)]) namespace\(comparison)"
        case POL_NAMESPACE_CHANGE.rawValue:
            (isNegated ? "a namespace other than " : "a namespace among ") + names(Self.namespaces) + " has changed"
        case POL_CAPABILITY.rawValue: "\(capabilities)\(isNegated ? " has none of " : " has one of ")\(capabilityNames)"
        case POL_CAPABILITY_CHANGE.rawValue:
            "in \(capabilities) \(isNegated ? "another than " : "one of ")\(capabilityNames) has come or gone"
        default: "something"
        }
    }

    private static let namespaces = KernelNamespace.allCases.sorted {
        $0.kernelNumber.rawValue < $1.kernelNumber.rawValue
    }
    .map(\.rawValue)

    private var isNegated: Bool { UInt32(filter.op) & POL_NEGATED.rawValue != 0 }
    private var operation: UInt32 { UInt32(filter.op) & ~POL_NEGATED.rawValue }
    private var value: String {
        filter.index == UInt8(POL_RETURN.rawValue) ? "the returned value" : "value \(filter.index)"
    }

    private var comparison: String {
        let not = isNegated ? " not" : ""
        let signed = Int64(bitPattern: operand.a)
        return switch operation {
        case POL_EQUAL.rawValue: " is\(not) \(signed)"
        case POL_LESS.rawValue: " is\(not) less than \(signed)"
        case POL_GREATER.rawValue: " is\(not) greater than \(signed)"
        case POL_MASK.rawValue: " has \(isNegated ? "no" : "a") bit of 0x\(String(operand.a, radix: 16))"
        case POL_RANGE.rawValue: " is\(not) from \(signed) to \(Int64(bitPattern: operand.b))"
        default: set.map { $0.words(isNegated) } ?? " is compared"
        }
    }

    // MARK: Processes

    private var binary: String {
        let whose =
            switch UInt32(filter.index) {
            case POL_OWN_OR_ANCESTORS_BINARY.rawValue: "the binary, or that of an ancestor,"
            case POL_PARENTS_BINARY.rawValue: "the parent's binary"
            default: "the binary"
            }
        let not = isNegated ? " not" : ""
        return switch binarySet {
        case .paths(let paths): "\(whose) is\(not) \(paths.choice("path"))"
        case .prefixes(let paths): "\(whose) \("begin".verb(isNegated)) with \(paths.choice("beginning"))"
        case .postfixes(let paths): "\(whose) \("end".verb(isNegated)) with \(paths.choice("ending"))"
        case .pids(let pids, let inNamespace):
            (isNegated ? "the process neither is nor descends from one" : "the process is or descends from one")
                + (inNamespace ? " whose pid in its namespace is " : " whose pid is ")
                + pids.map(String.init).choice("pid", isQuoted: false)
        case nil: whose
        }
    }

    private var capabilities: String {
        let own = UInt32(filter.index) & POL_CAPS_IN_OWN_NS.rawValue != 0 ? ", in an own user namespace," : ""
        return switch UInt32(filter.index) & ~POL_CAPS_IN_OWN_NS.rawValue {
        case POL_CAPS_PERMITTED.rawValue: "the permitted set" + own
        case POL_CAPS_INHERITABLE.rawValue: "the inheritable set" + own
        default: "the effective set" + own
        }
    }

    private var capabilityNames: String { names(Capability.allCases.map(\.name)) }

    /// Those whose bits the operand has.
    private func names(_ all: [String]) -> String {
        all.indices.filter { operand.a >> UInt64($0) & 1 == 1 }.map { all[$0] }.joined(separator: ", ")
    }
}

extension SetContent {
    fileprivate func words(_ isNegated: Bool) -> String {
        let not = isNegated ? " not" : ""
        return switch self {
        case .numbers(let numbers):
            " is\(not) " + numbers.map { "\(Int64(bitPattern: $0))" }.choice("number", isQuoted: false)
        case .ranges(let ranges):
            " is\(not) in " + ranges.map(\.words).choice("range", isQuoted: false)
        case .texts(let texts): " is\(not) \(texts.strings.choice("text"))"
        case .prefixes(let texts): " \("begin".verb(isNegated)) with \(texts.strings.choice("beginning"))"
        case .postfixes(let texts): " \("end".verb(isNegated)) with \(texts.strings.choice("ending"))"
        case .substrings(let texts): " \("contain".verb(isNegated)) \(texts.strings.choice("text"))"
        case .substringsOfAnyCase(let texts):
            " \("contain".verb(isNegated)) \(texts.strings.choice("text")) in letters of either case"
        case .networks(let networks):
            " is\(not) in \(networks.map(\.words).choice("network", isQuoted: false))"
        }
    }
}

extension SetContent.NetworkPrefix {
    fileprivate var words: String {
        let isIPv4 =
            bits >= 96 && address.count == 16 && address.prefix(10).allSatisfy { $0 == 0 }
            && address[10] == 0xff && address[11] == 0xff
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let bytes = isIPv4 ? Array(address.suffix(4)) : address
        guard bytes.count == (isIPv4 ? 4 : 16),
            inet_ntop(isIPv4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count)) != nil
        else { return "/\(bits)" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            + "/\(isIPv4 ? bits - 96 : bits)"
    }
}

extension ClosedRange<UInt64> {
    fileprivate var words: String {
        let (low, high) = (Int64(bitPattern: lowerBound), Int64(bitPattern: upperBound))
        return low == high ? "\(low)" : "\(low) to \(high)"
    }
}

extension [[UInt8]] {
    fileprivate var strings: [String] { map { String(decoding: $0, as: UTF8.self) } }
}

extension [String] {
    /// `"/etc/passwd"`, `"a" or "b"`, `one of 12 texts`.
    fileprivate func choice(_ what: String, isQuoted: Bool = true) -> String {
        let shown = isQuoted ? map(\.debugDescription) : self
        guard count <= 3, shown.reduce(0, { $0 + $1.utf8.count }) <= 120 else { return "one of \(count) \(what)s" }
        return shown.joined(separator: " or ")
    }
}

extension String {
    /// `begins`, `does not begin`.
    fileprivate func verb(_ isNegated: Bool) -> String { isNegated ? "does not \(self)" : self + "s" }
}
