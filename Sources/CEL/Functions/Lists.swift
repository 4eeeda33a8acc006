// SPDX-License-Identifier: Apache-2.0

// slice, flatten, distinct, sort, reverse, first, last, lists.range

extension Library {
    mutating func addLists() {
        let same = [overload(.list(typeA), to: .list(typeA))]
        ternary("slice", member: true, [overload(.list(typeA), .int, .int, to: .list(typeA))]) {
            a, b, c, frame throws(EvaluationError) in
            guard case .list(let elements) = a, case .int(let start) = b, case .int(let end) = c else {
                throw .noSuchOverload("slice")
            }
            guard start >= 0, start <= end, end <= Int64(elements.count) else {
                throw .invalidArgument("slice(): \(start) to \(end) is no part of a list of \(elements.count)")
            }
            try frame.charge(Int(end - start))
            return .list(Array(elements[Int(start)..<Int(end)]))
        }
        unary(
            "flatten", member: true,
            [overload(.list(.list(typeA)), to: .list(typeA)), overload(.list(.dyn), to: .list(.dyn))]
        ) {
            a, frame throws(EvaluationError) in .list(try flattened(list(a, "flatten"), 1, &frame))
        }
        binary("flatten", member: true, [overload(.list(.dyn), .int, to: .list(.dyn))]) {
            a, b, frame throws(EvaluationError) in
            guard case .int(let depth) = b else { throw .noSuchOverload("flatten") }
            guard depth >= 0 else { throw .invalidArgument("flatten(): the depth is negative") }
            return .list(try flattened(list(a, "flatten"), Int(min(depth, 64)), &frame))
        }
        unary("distinct", member: true, same) { a, frame throws(EvaluationError) in
            var kept: [Value] = []
            for element in try list(a, "distinct") where try !isElement(element, kept, &frame) { kept.append(element) }
            return .list(kept)
        }
        unary("reverse", member: true, same + [overload(.string, to: .string)]) { a, frame throws(EvaluationError) in
            if case .string(let text) = a {
                try frame.charge(bytes: text.count * 4)
                return .string(ByteString(text.scalars.reversed()))
            }
            let elements = try list(a, "reverse")
            try frame.charge(elements.count)
            return .list(elements.reversed())
        }
        unary("sort", member: true, same) { a, frame throws(EvaluationError) in
            .list(try sorted(list(a, "sort"), &frame))
        }
        unary("first", member: true, [overload(.list(typeA), to: .optional(typeA))]) { a, _ throws(EvaluationError) in
            .optional(try list(a, "first").first)
        }
        unary("last", member: true, [overload(.list(typeA), to: .optional(typeA))]) { a, _ throws(EvaluationError) in
            .optional(try list(a, "last").last)
        }
        unary("lists.range", [overload(.int, to: .list(.int))]) { a, frame throws(EvaluationError) in
            guard case .int(let count) = a else { throw .noSuchOverload("lists.range") }
            try frame.charge(Int(clamping: max(count, 0)))
            return .list((0..<max(count, 0)).map(Value.int))
        }
    }
}

private func list(_ value: Value, _ function: String) throws(EvaluationError) -> [Value] {
    guard case .list(let elements) = value else { throw .noSuchOverload(function) }
    return elements
}

private func flattened(_ elements: [Value], _ depth: Int, _ frame: inout Frame) throws(EvaluationError) -> [Value] {
    var flat: [Value] = []
    for element in elements {
        try frame.charge()
        if depth > 0, case .list(let inner) = element {
            flat += try flattened(inner, depth - 1, &frame)
        } else {
            flat.append(element)
        }
    }
    return flat
}

/// Merges ever longer sorted runs, so that the order of equal elements stays and each comparison can end it all.
private func sorted(_ elements: [Value], _ frame: inout Frame) throws(EvaluationError) -> [Value] {
    var sorted = elements
    var width = 1
    while width < sorted.count {
        var merged: [Value] = []
        merged.reserveCapacity(sorted.count)
        for start in stride(from: 0, to: sorted.count, by: width * 2) {
            var left = sorted[start..<min(start + width, sorted.count)]
            var right = sorted[left.endIndex..<min(start + width * 2, sorted.count)]
            while let a = left.first, let b = right.first {
                try frame.charge()
                guard let order = try Comparison.order(a, b, &frame) else {
                    throw .invalidArgument("sort(): there is no order with NaN")
                }
                merged.append(order == .greater ? right.removeFirst() : left.removeFirst())
            }
            merged += left
            merged += right
        }
        sorted = merged
        width *= 2
    }
    // One element alone is compared with none, yet must be of a type that has an order.
    if let only = sorted.first, sorted.count == 1 { _ = try Comparison.order(only, only, &frame) }
    return sorted
}
