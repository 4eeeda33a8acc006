// SPDX-License-Identifier: Apache-2.0

/// A filter that cannot be obeyed.
package struct FilterError: Error, CustomStringConvertible, Equatable {
    package enum Kind: Sendable {
        /// It is wrong: whoever sent it can mend it.
        case invalid
        /// It may be right, but this version cannot obey it.
        case unsupported
    }

    package let kind: Kind
    /// Where: `allow_list[1].binary_regex[0]`.
    package let position: String
    package let reason: String

    package var description: String { "\(position): \(reason)" }

    static func invalid(_ position: String, _ reason: String) -> FilterError {
        FilterError(kind: .invalid, position: position, reason: reason)
    }

    static func unsupported(_ position: String, _ reason: String) -> FilterError {
        FilterError(kind: .unsupported, position: position, reason: reason)
    }
}

/// How much may be asked for. Every event pays for every filter, and every expression takes memory.
enum FilterBounds {
    /// Filters in one list.
    static let filters = 256
    /// Values in one field.
    static let values = 1024
    /// Bytes of one value.
    static let valueSize = 4096
    /// Regular expressions in all.
    static let expressions = 128
    /// Bytes of one, compiled, and of what matching it caches.
    static let expressionMemory = 256 << 10
    /// Bytes of all of them. Each has the same share; with more than 16 it is less than what one may have.
    static let allExpressionMemory = 4 << 20
    /// Instructions of all, compiled: so many steps at most are taken for one byte of an event.
    static let programSize = 8192
    /// Expressions of CEL in all. Each may take as many steps for an event as its own bound lets it.
    static let celExpressions = 16
}
