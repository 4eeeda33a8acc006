// SPDX-License-Identifier: Apache-2.0

// sets.contains, sets.equivalent, sets.intersects

extension Library {
    mutating func addSets() {
        let lists = [overload(.list(typeA), .list(typeA), to: .bool)]
        binary("sets.contains", lists) { a, b, frame throws(EvaluationError) in
            let (all, some) = try bothLists(a, b, "sets.contains")
            return .bool(try contains(all, some, &frame))
        }
        binary("sets.equivalent", lists) { a, b, frame throws(EvaluationError) in
            let (left, right) = try bothLists(a, b, "sets.equivalent")
            guard try contains(left, right, &frame) else { return .bool(false) }
            return .bool(try contains(right, left, &frame))
        }
        binary("sets.intersects", lists) { a, b, frame throws(EvaluationError) in
            let (left, right) = try bothLists(a, b, "sets.intersects")
            for element in left where try isElement(element, right, &frame) { return .bool(true) }
            return .bool(false)
        }
    }
}

private func bothLists(_ a: Value, _ b: Value, _ function: String) throws(EvaluationError) -> ([Value], [Value]) {
    guard case .list(let left) = a, case .list(let right) = b else { throw .noSuchOverload(function) }
    return (left, right)
}

func isElement(_ value: Value, _ list: [Value], _ frame: inout Frame) throws(EvaluationError) -> Bool {
    for element in list {
        try frame.charge()
        if try Comparison.equal(value, element, &frame) { return true }
    }
    return false
}

private func contains(_ all: [Value], _ some: [Value], _ frame: inout Frame) throws(EvaluationError) -> Bool {
    for element in some where try !isElement(element, all, &frame) { return false }
    return true
}
