// SPDX-License-Identifier: Apache-2.0

// size and in

extension Library {
    mutating func addContainers() {
        let sized: [ValueType] = [.string, .bytes, .list(typeA), .map(typeA, typeB)]
        for isMember in [false, true] {
            unary("size", member: isMember, sized.map { overload($0, to: .int) }) { a, frame throws(EvaluationError) in
                switch a {
                case .string(let text):
                    try frame.charge(bytes: text.count)
                    return .int(Int64(text.scalarCount))
                case .bytes(let bytes): return .int(Int64(bytes.count))
                case .list(let elements): return .int(Int64(elements.count))
                case .map(let map): return .int(Int64(map.count))
                default: throw .noSuchOverload("size")
                }
            }
        }
        binary("@in", [overload(typeA, .list(typeA), to: .bool), overload(typeA, .map(typeA, typeB), to: .bool)]) {
            a, b, frame throws(EvaluationError) in
            switch b {
            case .list(let elements):
                for element in elements {
                    try frame.charge()
                    if try Comparison.equal(a, element, &frame) { return .bool(true) }
                }
                return .bool(false)
            case .map(let map): return .bool(map[a] != nil)
            default: throw .noSuchOverload("in")
            }
        }
    }
}
