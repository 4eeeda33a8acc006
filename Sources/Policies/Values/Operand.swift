// SPDX-License-Identifier: Apache-2.0
internal import Models

/// What an argument is compared with, as its type and the operator understand the values.
package enum Operand: Sendable, Equatable {
    /// Ranges of one number or more, and names of lists of system calls.
    case numbers([ClosedRange<Int128>], lists: [String] = [])
    case texts([String])
    case networks([Network])
    /// The operator says it all.
    case nothing
    /// The argument's type is known on the machine only.
    case unread([String])
}

/// Why values are no operand.
package struct OperandRefusal: Error {
    /// Which of the values; nil when it is the operator.
    package var index: Int?
    package var reason: String
    var expected: String?
    var nearest: String?
}

extension Operand {
    /// Longest texts that can be compared whole, from the beginning and from the end, in bytes: a path's length for
    /// the first, for the others what the kernel's tries of prefixes hold.
    static let longestText = 4096
    static let longestPrefix = 256
    static let longestPostfix = 127

    init(_ values: [String], _ comparison: ArgumentOperator, _ type: ArgumentType) throws(OperandRefusal) {
        let kind = type.comparison
        switch comparison {
        case .privilegedSourcePort, .notPrivilegedSourcePort, .privilegedDestinationPort,
            .notPrivilegedDestinationPort:
            try Self.require(kind, .socket, comparison, type)
            self = .nothing
        case .sourcePort, .notSourcePort, .destinationPort, .notDestinationPort:
            try Self.require(kind, .socket, comparison, type)
            self = .numbers(try Self.ranges(values, in: 0...65_535, "a port such as 443 or a range such as 1024:65535"))
        case .protocol:
            try Self.require(kind, .socket, comparison, type)
            self = .numbers(
                try Self.ranges(values, in: 0...65_535, "a protocol such as IPPROTO_TCP", NetworkNames.protocols))
        case .family:
            try Self.require(kind, .socket, comparison, type)
            self = .numbers(
                try Self.ranges(values, in: 0...65_535, "an address family such as AF_INET", NetworkNames.families))
        case .state:
            try Self.require(kind, .socket, comparison, type)
            self = .numbers(try Self.ranges(values, in: 0...255, "a TCP state such as TCP_LISTEN", NetworkNames.states))
        case .sourceAddress, .notSourceAddress, .destinationAddress, .notDestinationAddress:
            try Self.require(kind, .socket, comparison, type)
            self = .networks(try Self.networks(values))
        case .prefix, .notPrefix:
            self = try Self.texts(values, Self.longestPrefix, kind, comparison, type)
        case .postfix, .notPostfix:
            self = try Self.texts(values, Self.longestPostfix, kind, comparison, type)
        case .subString, .subStringIgnoringCase:
            self = try Self.texts(values, Self.longestPrefix, kind, comparison, type)
        case .equal, .notEqual:
            switch kind {
            case .text: self = try Self.texts(values, Self.longestText, kind, comparison, type)
            default: self = try Self.numbers(values, kind, comparison, type, takesRanges: false, takesLists: false)
            }
        case .greaterThan, .lessThan:
            guard values.count == 1 else {
                throw OperandRefusal(
                    index: 1, reason: "\(comparison.name) compares with one value, found \(values.count)")
            }
            self = try Self.numbers(values, kind, comparison, type, takesRanges: false, takesLists: false)
        case .mask:
            self = try Self.numbers(values, kind, comparison, type, takesRanges: false, takesLists: false)
        case .inMap, .notInMap:
            self = try Self.numbers(values, kind, comparison, type, takesRanges: true, takesLists: true)
        case .inRange, .notInRange:
            self = try Self.numbers(values, kind, comparison, type, takesRanges: true, takesLists: false)
        }
    }

    private static func require(
        _ kind: ArgumentType.Comparison, _ wanted: ArgumentType.Comparison, _ comparison: ArgumentOperator,
        _ type: ArgumentType
    ) throws(OperandRefusal) {
        if kind == wanted || kind == .unknown { return }
        let what = wanted == .text ? "text" : "sockets and packets"
        throw OperandRefusal(reason: "\(comparison.name) compares \(what), and the argument is of type \(type.name)")
    }

    private static func texts(
        _ values: [String], _ longest: Int, _ kind: ArgumentType.Comparison, _ comparison: ArgumentOperator,
        _ type: ArgumentType
    ) throws(OperandRefusal) -> Operand {
        try require(kind, .text, comparison, type)
        // The kernel's texts end before their NUL. Only bytes may have some.
        let values = type == .charBuffer ? values : values.map(\.withoutFinalNULs)
        for (index, value) in values.enumerated() {
            guard !value.isEmpty || comparison == .equal || comparison == .notEqual else {
                throw OperandRefusal(
                    index: index, reason: "an empty text is in every other, so \(comparison.name) says nothing")
            }
            guard value.utf8.count <= longest else {
                throw OperandRefusal(
                    index: index,
                    reason: "\(comparison.name) compares at most \(longest) bytes, found \(value.utf8.count)")
            }
        }
        return .texts(values)
    }

    private static func numbers(
        _ values: [String], _ kind: ArgumentType.Comparison, _ comparison: ArgumentOperator, _ type: ArgumentType,
        takesRanges: Bool, takesLists: Bool
    ) throws(OperandRefusal) -> Operand {
        switch kind {
        case .unknown: return .unread(values)
        case .integer(let range):
            var lists: [String] = []
            var ranges: [ClosedRange<Int128>] = []
            for (index, value) in values.enumerated() {
                if takesLists, value.hasPrefix("list:") {
                    guard [.syscall64, .int64, .uint64].contains(type) else {
                        throw OperandRefusal(
                            index: index,
                            reason: "lists are of system calls, and the argument is of type \(type.name), not syscall64"
                        )
                    }
                    lists.append(String(value.dropFirst(5)))
                    continue
                }
                let what = "an integer from \(range.lowerBound) to \(range.upperBound)"
                guard let number = Self.range(value, takesRanges: takesRanges, isDecimal: takesLists),
                    range.contains(number.lowerBound), range.contains(number.upperBound)
                else { throw mismatch(index, value, what) }
                ranges.append(number)
            }
            return .numbers(ranges, lists: lists)
        case .text where comparison != .equal && comparison != .notEqual:
            throw OperandRefusal(
                reason: "\(comparison.name) compares numbers, and the argument is of type \(type.name)")
        case .text, .socket, .never:
            throw OperandRefusal(reason: "\(comparison.name) cannot compare an argument of type \(type.name)")
        }
    }

    private static func ranges(
        _ values: [String], in range: ClosedRange<Int128>, _ what: String, _ names: [String: UInt16] = [:]
    ) throws(OperandRefusal) -> [ClosedRange<Int128>] {
        var ranges: [ClosedRange<Int128>] = []
        for (index, value) in values.enumerated() {
            if let number = names[value] {
                ranges.append(Int128(number)...Int128(number))
            } else if let number = Self.range(value, takesRanges: true, isDecimal: true),
                range.contains(number.lowerBound),
                range.contains(number.upperBound)
            {
                ranges.append(number)
            } else {
                throw mismatch(index, value, what, nearestName(to: value, among: names.keys.sorted()))
            }
        }
        return ranges
    }

    private static func networks(_ values: [String]) throws(OperandRefusal) -> [Network] {
        var networks: [Network] = []
        for (index, value) in values.enumerated() {
            guard let network = Network(value) else {
                throw mismatch(index, value, "an address such as 10.0.0.1 or a network such as 10.0.0.0/8 or fd00::/8")
            }
            networks.append(network)
        }
        return networks
    }

    private static func mismatch(
        _ index: Int, _ value: String, _ what: String, _ nearest: String? = nil
    ) -> OperandRefusal {
        OperandRefusal(
            index: index, reason: "expected \(what), found \(value.quoted)", expected: what, nearest: nearest)
    }

    /// `5`, `0x1f`, `017` (octal), `1:10`; a range may begin with its end.
    ///
    /// - Parameter isDecimal: No other base: `017` is 17.
    private static func range(_ text: String, takesRanges: Bool, isDecimal: Bool) -> ClosedRange<Int128>? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 1 || parts.count == 2 && takesRanges else { return nil }
        let ends = parts.compactMap { number($0, isDecimal: isDecimal) }
        guard ends.count == parts.count, let low = ends.min(), let high = ends.max() else { return nil }
        return low...high
    }

    private static func number(_ text: Substring, isDecimal: Bool) -> Int128? {
        guard (1...40).contains(text.utf8.count) else { return nil }
        let isNegative = text.hasPrefix("-")
        let digits = isNegative || text.hasPrefix("+") ? text.dropFirst() : text
        let magnitude: Int128? =
            if isDecimal || !digits.hasPrefix("0") || digits.utf8.count == 1 {
                unsigned(digits, radix: 10)
            } else if digits.hasPrefix("0x") {
                unsigned(digits.dropFirst(2), radix: 16)
            } else {
                unsigned(digits.dropFirst(), radix: 8)
            }
        return magnitude.map { isNegative ? -$0 : $0 }
    }

    private static func unsigned(_ digits: Substring, radix: Int) -> Int128? {
        digits.hasPrefix("+") || digits.hasPrefix("-") ? nil : Int128(digits, radix: radix)
    }
}

extension String {
    fileprivate var withoutFinalNULs: String {
        var scalars = unicodeScalars[...]
        while scalars.last == "\0" { scalars.removeLast() }
        return String(scalars)
    }
}
