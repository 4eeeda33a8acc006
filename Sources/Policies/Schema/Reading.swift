// SPDX-License-Identifier: Apache-2.0
internal import YAML

/// How far a document has been read, and what was wrong with it.
struct Reading {
    static let maximumProblems = 20

    private(set) var problems: [PolicyProblem] = []
    /// What is of no use and does no harm.
    private(set) var warnings: [PolicyProblem] = []
    /// Problems beyond the bound are counted.
    private(set) var more = 0
    /// Where there was something wrong. Beyond a bound it is as if that were everywhere.
    private var wrong: [[Step]] = []
    private static let maximumWrong = 200
    private var path: [Step] = []
    private let root: YAMLNode

    init(_ root: YAMLNode) { self.root = root }

    mutating func within<Result>(_ steps: Step..., body: (inout Reading) -> Result) -> Result {
        path += steps
        defer { path.removeLast(steps.count) }
        return body(&self)
    }

    /// Reports what is wrong here.
    mutating func report(
        at place: YAMLPlace? = nil, _ reason: String, expected: String? = nil, found: String? = nil,
        nearest: String? = nil
    ) {
        report([], at: place, reason, expected: expected, found: found, nearest: nearest)
    }

    /// - Parameter steps: From here on to what is wrong. It need not be there: the nearest that is gives the place.
    mutating func report(
        _ steps: [Step], at place: YAMLPlace? = nil, _ reason: String, expected: String? = nil, found: String? = nil,
        nearest: String? = nil
    ) {
        let path = path + steps
        if wrong.count < Self.maximumWrong { wrong.append(path) }
        guard problems.count < Self.maximumProblems else { return more += 1 }
        problems.append(
            PolicyProblem(
                path, at: place ?? self.place(of: path), reason, expected: expected, found: found, nearest: nearest))
    }

    /// Tells of what has no effect. Beyond the bound nobody is told.
    mutating func warn(_ steps: [Step], _ reason: String) {
        let path = path + steps
        guard warnings.count < Self.maximumProblems else { return }
        warnings.append(PolicyProblem(path, at: place(of: path), reason))
    }

    /// The node here is not what it has to be.
    ///
    /// - Parameter brief: What was expected, where `nearest` says it better than all of it would.
    mutating func reportMismatch(_ node: YAMLNode, expected: String, brief: String? = nil, nearest: String? = nil) {
        let found = node.finding
        let words = (nearest == nil ? nil : brief) ?? expected
        report(at: node.place, "expected \(words), found \(found)", expected: expected, found: found, nearest: nearest)
    }

    /// Nothing was wrong from there on.
    func isClean(_ steps: Step...) -> Bool {
        let path = path + steps
        return wrong.count < Self.maximumWrong && !wrong.contains { $0.starts(with: path) }
    }

    private func place(of path: [Step]) -> YAMLPlace {
        var node = root
        for step in path {
            let next: YAMLNode? =
                switch step {
                case .field(let name): node[name]
                case .index(let index): node.sequence.flatMap { $0.indices.contains(index) ? $0[index] : nil }
                }
            guard let next else { break }
            node = next
        }
        return node.place
    }
}
