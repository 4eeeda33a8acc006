// SPDX-License-Identifier: Apache-2.0

/// A macro that goes through a list or map.
struct Loop: Sendable {
    let kind: Comprehension.Kind
    let range: Program.Body
    /// Where its variables' values are put.
    let places: [Int]
    let filter: Program.Body?
    let step: Program.Body

    var body: Program.Body {
        switch kind {
        case .all: { frame throws(EvaluationError) in try search(&frame, stopAt: false) }
        case .exists: { frame throws(EvaluationError) in try search(&frame, stopAt: true) }
        case .existsOne: { frame throws(EvaluationError) in try existsOne(&frame) }
        case .map: { frame throws(EvaluationError) in try map(&frame) }
        case .filter: { frame throws(EvaluationError) in try filter(&frame) }
        case .transformMap: { frame throws(EvaluationError) in try transformMap(&frame) }
        case .transformMapEntry: { frame throws(EvaluationError) in try transformMapEntry(&frame) }
        }
    }

    /// Calls with each element, or each key where there is one variable, and with a map's key or a list's index. The
    /// variables have their values then. Ends when the call returns false.
    private func forEach(
        _ frame: inout Frame,
        _ visit: (_ single: Value, _ key: Value, inout Frame) throws(EvaluationError) -> Bool
    ) throws(EvaluationError) {
        switch try range(&frame) {
        case .list(let elements):
            for (index, element) in elements.enumerated() {
                try frame.charge()
                if places.count == 1 {
                    frame.places[places[0]] = element
                } else {
                    frame.places[places[0]] = .int(Int64(index))
                    frame.places[places[1]] = element
                }
                guard try visit(element, .int(Int64(index)), &frame) else { return }
            }
        case .map(let map):
            for (key, value) in map.entries {
                try frame.charge()
                frame.places[places[0]] = key
                if places.count > 1 { frame.places[places[1]] = value }
                guard try visit(key, key, &frame) else { return }
            }
        default: throw .noSuchOverload("a macro")
        }
    }

    private func holds(_ condition: Program.Body, _ frame: inout Frame) throws(EvaluationError) -> Bool {
        guard case .bool(let value) = try condition(&frame) else { throw .noSuchOverload("a macro's condition") }
        return value
    }

    private func passesFilter(_ frame: inout Frame) throws(EvaluationError) -> Bool {
        guard let filter else { return true }
        return try holds(filter, &frame)
    }

    /// `exists`, which stops at true, and `all`, which stops at false. Errors count only where nothing decides.
    private func search(_ frame: inout Frame, stopAt: Bool) throws(EvaluationError) -> Value {
        var failure: EvaluationError?
        var isDecided = false
        try forEach(&frame) { _, _, frame throws(EvaluationError) in
            do throws(EvaluationError) {
                isDecided = try holds(step, &frame) == stopAt
            } catch {
                if case .tooExpensive = error { throw error }
                failure = failure ?? error
            }
            return !isDecided
        }
        if isDecided { return .bool(stopAt) }
        if let failure { throw failure }
        return .bool(!stopAt)
    }

    private func existsOne(_ frame: inout Frame) throws(EvaluationError) -> Value {
        var count = 0
        try forEach(&frame) { _, _, frame throws(EvaluationError) in
            if try holds(step, &frame) { count += 1 }
            return true
        }
        return .bool(count == 1)
    }

    private func map(_ frame: inout Frame) throws(EvaluationError) -> Value {
        var result: [Value] = []
        try forEach(&frame) { _, _, frame throws(EvaluationError) in
            if try passesFilter(&frame) { result.append(try step(&frame)) }
            return true
        }
        return .list(result)
    }

    private func filter(_ frame: inout Frame) throws(EvaluationError) -> Value {
        var result: [Value] = []
        try forEach(&frame) { single, _, frame throws(EvaluationError) in
            if try holds(step, &frame) { result.append(single) }
            return true
        }
        return .list(result)
    }

    private func transformMap(_ frame: inout Frame) throws(EvaluationError) -> Value {
        var result = MapBuilder()
        try forEach(&frame) { _, key, frame throws(EvaluationError) in
            if try passesFilter(&frame) { try result.insert(key, try step(&frame)) }
            return true
        }
        return .map(result.value)
    }

    private func transformMapEntry(_ frame: inout Frame) throws(EvaluationError) -> Value {
        var result = MapBuilder()
        try forEach(&frame) { _, _, frame throws(EvaluationError) in
            guard try passesFilter(&frame) else { return true }
            guard case .map(let made) = try step(&frame) else { throw .noSuchOverload("transformMapEntry") }
            for entry in made.entries { try result.insert(entry.key, entry.value) }
            return true
        }
        return .map(result.value)
    }
}
