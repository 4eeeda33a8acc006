// SPDX-License-Identifier: Apache-2.0

/// A checked expression: names are places, functions are found.
indirect enum Node {
    case constant(Value)
    /// A variable of the environment by its number.
    case variable(Int)
    /// A macro's variable by its place.
    case local(Int)
    /// Without a checker: what has no meaning is an error only when it is reached.
    case failure(EvaluationError)
    case select(Node, Selector, isOptional: Bool)
    case has(Node, Selector)
    case index(Node, Node, isOptional: Bool)
    case call(Function, [Node])
    case conditional(Node, Node, Node)
    case logical(isAnd: Bool, [Node])
    case list([(value: Node, isOptional: Bool)])
    case map([(key: Node, value: Node, isOptional: Bool)])
    case message(MessageType, [(field: Field, value: Node, isOptional: Bool)])
    case comprehension(Comprehension.Kind, range: Node, places: [Int], filter: Node?, body: Node)
    case bind(place: Int, Node, Node)
    case optionalMap(Node, place: Int, Node, isFlat: Bool)

    var constant: Value? { if case .constant(let value) = self { value } else { nil } }
}

/// What is selected: a field whose number is known if the operand's type is, and a key of a map in any case.
struct Selector: Sendable {
    let name: String
    let key: MapKey
    let field: Field?

    init(name: String, field: Field?) {
        self.name = name
        key = .string(ByteString(name))
        self.field = field
    }
}
