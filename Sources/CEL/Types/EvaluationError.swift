// SPDX-License-Identifier: Apache-2.0

/// Why an expression has no value. `&&`, `||`, `all` and `exists` pass over errors where another operand decides, but
/// for `tooExpensive`.
package enum EvaluationError: Error, Sendable, Hashable {
    /// No function of that name takes values of these types.
    case noSuchOverload(String)
    case noSuchField(String)
    case noSuchKey
    case outOfRange(index: Int64, count: Int)
    case divisionByZero
    /// The result of the operation fits no value of its type.
    case overflow(String)
    /// A sentence about an argument.
    case invalidArgument(String)
    case repeatedKey
    case unsupportedKey(String)
    case unknownVariable(String)
    /// An encoded message is cut off or not as its type says.
    case malformedMessage(String)
    /// The bound on steps is reached.
    case tooExpensive(limit: Int)
}

extension EvaluationError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .noSuchOverload(let name): "no such overload: \(name) does not take values of these types"
        case .noSuchField(let name): "no such field: \(name)"
        case .noSuchKey: "no such key"
        case .outOfRange(let index, let count): "index \(index) is out of range of a list of \(count)"
        case .divisionByZero: "divide by zero"
        case .overflow(let operation): "\(operation): the result is out of range"
        case .invalidArgument(let sentence): sentence
        case .repeatedKey: "a key of the map is there twice"
        case .unsupportedKey(let type): "a value of type \(type) cannot be the key of a map"
        case .unknownVariable(let name): "nothing is known by the name \(name)"
        case .malformedMessage(let type): "the encoded message of type \(type) is malformed"
        case .tooExpensive(let limit): "the expression takes more than \(limit) steps"
        }
    }
}
