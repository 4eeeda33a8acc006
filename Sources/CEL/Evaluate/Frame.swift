// SPDX-License-Identifier: Apache-2.0

/// The values of an environment's variables for one evaluation.
package enum Activation: Sendable {
    /// One has a value. The others, if they are messages, read as messages of which nothing is set.
    case only(variable: Int, Value)
    /// By the variables' numbers; nil is an error where it is read.
    case all([Value?])
}

/// What one evaluation goes on.
struct Frame {
    let activation: Activation
    /// Values of macros' variables.
    var places: [Value]
    private let limit: Int
    private(set) var remaining: Int

    init(activation: Activation, placeCount: Int, limit: Int) {
        self.activation = activation
        places = placeCount == 0 ? [] : [Value](repeating: .null, count: placeCount)
        self.limit = limit
        remaining = limit
    }

    var cost: Int { limit - remaining }

    @inline(__always)
    mutating func charge(_ steps: Int = 1) throws(EvaluationError) {
        remaining -= steps
        if remaining < 0 {
            // What is left must not grow when the error is passed over.
            remaining = 0
            throw .tooExpensive(limit: limit)
        }
    }

    /// For looking at text, or making it.
    @inline(__always)
    mutating func charge(bytes: Int) throws(EvaluationError) { try charge(1 + bytes >> 4) }
}
