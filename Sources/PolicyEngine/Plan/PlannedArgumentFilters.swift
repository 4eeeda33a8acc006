// SPDX-License-Identifier: Apache-2.0
internal import CRecords
internal import Policies
internal import Sensors

/// Filters that look at values.
extension Planning {
    mutating func argumentFilters(
        _ match: ArgumentMatch, _ type: ArgumentType, _ slot: UInt8, _ path: String, _ draft: inout HookDraft
    ) -> [FilterDraft] {
        let operand: Operand
        do throws(OperandRefusal) {
            operand = try match.operand(of: type)
        } catch {
            report(path + (error.index.map { ".values[\($0)]" } ?? ".operator"), error.reason)
            return []
        }
        guard let filter = filter(match, operand, type, slot, path) else { return [] }
        // Numbers are compared as they are passed. What else there is has to be read before.
        if filter.what != POL_NUMBER || type.kernelType?.isNumber != true, slot < UInt8(POL_RETURN.rawValue) {
            var value = draft.shape.values[Int(slot)]
            value.flags |= UInt8(POL_FILTERED.rawValue)
            draft.shape.setValue(value, at: Int(slot))
        }
        return [filter]
    }

    private mutating func filter(
        _ match: ArgumentMatch, _ operand: Operand, _ type: ArgumentType, _ slot: UInt8, _ path: String
    ) -> FilterDraft? {
        var filter: FilterDraft?
        switch operand {
        case .numbers(let ranges, let lists):
            if !lists.isEmpty, type != .syscall64 {
                plan.remarks.append(
                    "\(path): calls of 32-bit programs have other numbers, and are taken for those that they are the "
                        + "numbers of; type syscall64 tells them apart")
            }
            let numbers = ranges + lists.flatMap { systemCalls(ofList: $0, path) }
            filter = numberFilter(match.comparison, numbers, type, path)
        case .texts(let texts):
            filter = textFilter(match.comparison, texts.map { Array($0.utf8) }, path)
        case .networks(let networks):
            filter = FilterDraft(what: type.address(match.comparison), operation: POL_IN)
            filter?.set = .networks(networks.map(SetContent.NetworkPrefix.init).unique)
        case .nothing:
            filter = numberFilter(match.comparison, [0...1023], type, path)
        case .unread:
            report("\(path).values", "nothing tells what type argument \(match.index) is", "say which type it is")
        }
        filter?.index = slot
        filter?.isNegated = match.comparison.isNegated
        return filter
    }

    private mutating func numberFilter(
        _ comparison: ArgumentOperator, _ numbers: [ClosedRange<Int128>], _ type: ArgumentType, _ path: String
    ) -> FilterDraft? {
        guard let first = numbers.first else {
            report("\(path).values", "the list has no system calls that this machine has")
            return nil
        }
        let number =
            switch comparison {
            case .greaterThan: NumberOperand(POL_GREATER, first.lowerBound)
            case .lessThan: NumberOperand(POL_LESS, first.lowerBound)
            case .mask: NumberOperand(POL_MASK, numbers.reduce(0) { $0 | $1.lowerBound })
            default: NumberOperand(oneOf: numbers)
            }
        let what =
            switch comparison {
            case .sourcePort, .notSourcePort, .privilegedSourcePort, .notPrivilegedSourcePort:
                type == .socketAddress ? POL_PORT_TO : POL_PORT_FROM
            case .destinationPort, .notDestinationPort, .privilegedDestinationPort, .notPrivilegedDestinationPort:
                POL_PORT_TO
            case .protocol: POL_PROTOCOL
            case .family: POL_FAMILY
            case .state: POL_STATE
            default: POL_NUMBER
            }
        return FilterDraft(what: what, operation: number.operation, operand: number.operand, set: number.set)
    }

    private mutating func textFilter(
        _ comparison: ArgumentOperator, _ texts: [[UInt8]], _ path: String
    ) -> FilterDraft? {
        let longest = PolicyCapacity.longestBytes
        for (index, text) in texts.enumerated() where text.count > longest {
            report(
                "\(path).values[\(index)]", "the kernel compares at most \(longest) bytes, and this has \(text.count)",
                "compare its beginning (Prefix)")
            return nil
        }
        let texts = texts.unique.sorted { $0.lexicographicallyPrecedes($1) }
        let operation: pol_op
        let set: SetContent
        switch comparison {
        case .prefix, .notPrefix: (operation, set) = (POL_PREFIX, .prefixes(texts))
        case .postfix, .notPostfix: (operation, set) = (POL_POSTFIX, .postfixes(texts))
        case .subString: (operation, set) = (POL_CONTAINS, .substrings(texts))
        case .subStringIgnoringCase:
            (operation, set) = (POL_CONTAINS_ANY_CASE, .substringsOfAnyCase(texts.map(\.lowercased).unique))
        default: (operation, set) = (POL_IN, .texts(texts))
        }
        if operation == POL_PREFIX || operation == POL_POSTFIX {
            let lengths = Set(texts.map(\.count)).count
            guard lengths <= Int(POL_LENGTHS_MAX.rawValue) else {
                report(
                    "\(path).values",
                    "the values of one filter have at most \(POL_LENGTHS_MAX.rawValue) different lengths, and these "
                        + "have \(lengths)", "split them between two selectors")
                return nil
            }
        }
        return FilterDraft(what: POL_BYTES, operation: operation, set: set)
    }

    private mutating func systemCalls(ofList name: String, _ path: String) -> [ClosedRange<Int128>] {
        guard let list = spec.lists.first(where: { $0.name == name }) else { return [] }
        return systemCalls(of: list, path).compactMap { call in
            kernel.number(of: call).map {
                // A call of the other ABI is another number than the same of the machine's own.
                let number = Int128($0) | (call.is32Bit ? Int128(1) << 31 : 0)
                return number...number
            }
        }
    }
}

extension ArgumentType {
    /// Of a sockaddr there is one address, whichever is asked for.
    fileprivate func address(_ comparison: ArgumentOperator) -> pol_what {
        switch comparison {
        case .sourceAddress, .notSourceAddress: self == .socketAddress ? POL_ADDRESS_TO : POL_ADDRESS_FROM
        default: POL_ADDRESS_TO
        }
    }
}

extension ArgumentOperator {
    var isNegated: Bool {
        switch self {
        case .notEqual, .notPrefix, .notPostfix, .notSourcePort, .notPrivilegedSourcePort, .notDestinationPort,
            .notPrivilegedDestinationPort, .notSourceAddress, .notDestinationAddress, .notInMap, .notInRange:
            true
        default: false
        }
    }
}

extension SetContent.NetworkPrefix {
    /// As IPv6, IPv4 below ::ffff:0:0/96. Bits beyond the prefix are 0.
    init(_ network: Network) {
        let isIPv4 = network.address.count == 4
        var address = isIPv4 ? [UInt8](repeating: 0, count: 10) + [0xff, 0xff] + network.address : network.address
        bits = network.prefixLength + (isIPv4 ? 96 : 0)
        for index in address.indices {
            let kept = min(max(bits - 8 * index, 0), 8)
            address[index] &= UInt8(truncatingIfNeeded: 0xff << (8 - kept))
        }
        self.address = address
    }
}

extension [UInt8] {
    fileprivate var lowercased: [UInt8] { map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 } }
}

extension Array where Element: Hashable {
    /// Each once, at its first place.
    var unique: [Element] {
        var seen: Set<Element> = []
        return filter { seen.insert($0).inserted }
    }
}
