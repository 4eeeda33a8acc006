// SPDX-License-Identifier: Apache-2.0

/// A parsed expression.
struct Expression {
    indirect enum Kind {
        case literal(Value)
        /// A name that is not behind a dot; `isRooted` with a dot before it.
        case name(String, isRooted: Bool)
        case select(Expression, String, isOptional: Bool)
        case has(Expression, String)
        case index(Expression, Expression, isOptional: Bool)
        case call(String, receiver: Expression?, [Expression])
        case conditional(Expression, Expression, Expression)
        /// All operands of a row of `&&` or of `||`.
        case logical(isAnd: Bool, [Expression])
        case list([Element])
        case map([Entry])
        case message(String, isRooted: Bool, [Assignment])
        case comprehension(Comprehension)
        /// `cel.bind`.
        case bind(String, Expression, Expression)
        /// `optMap`, and with `isFlat` `optFlatMap`.
        case optionalMap(Expression, variable: String, Expression, isFlat: Bool)
    }

    struct Element {
        let value: Expression
        let isOptional: Bool
    }

    struct Entry {
        let key: Expression
        let value: Expression
        let isOptional: Bool
    }

    struct Assignment {
        let field: String
        let value: Expression
        let isOptional: Bool
        let position: Int
    }

    /// In bytes of the source.
    let position: Int
    /// How deep the tree below is.
    let height: Int
    let kind: Kind
}

/// A macro that goes through a list or map.
struct Comprehension {
    enum Kind {
        case all, exists, existsOne, map, filter, transformMap, transformMapEntry
    }

    let kind: Kind
    let range: Expression
    /// One: an element or key. Two: index and element, or key and value.
    let variables: [String]
    let filter: Expression?
    let body: Expression
}
