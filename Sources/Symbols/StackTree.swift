// SPDX-License-Identifier: Apache-2.0

/// Stacks that were merged into a tree, from the outermost call inwards, with how often each place was passed.
package struct StackTree: Sendable {
    package final class Node: @unchecked Sendable {
        package let frame: StackFrame
        package fileprivate(set) var count: UInt64 = 0
        /// The same by the program.
        package fileprivate(set) var labels: [String: UInt64] = [:]
        package fileprivate(set) var children: [Node] = []

        fileprivate init(_ frame: StackFrame) { self.frame = frame }

        fileprivate func copy() -> Node {
            let made = Node(frame)
            (made.count, made.labels) = (count, labels)
            made.children = children.map { $0.copy() }
            return made
        }

        fileprivate func pass(_ label: String) {
            count &+= 1
            labels[labels[label] != nil || labels.count < StackTree.mostLabels ? label : "", default: 0] &+= 1
        }
    }

    package let root = Node(StackFrame(address: 0))
    private var nodes = 1

    /// Beyond these, stacks are counted as far as the tree reaches, and programs under the empty name.
    package static let mostNodes = 4096
    package static let mostLabels = 32
    /// As deep as a stack can be.
    package static let depth = 128

    package init() {}

    /// - Parameters:
    ///   - frames: from the innermost call outwards.
    ///   - label: the program.
    package mutating func add(_ frames: [StackFrame], label: String) {
        var node = root
        node.pass(label)
        for frame in frames.suffix(Self.depth).reversed() {
            if let next = node.children.first(where: { $0.frame == frame }) {
                node = next
            } else {
                guard nodes < Self.mostNodes else { return }
                nodes += 1
                let next = Node(frame)
                node.children.append(next)
                node = next
            }
            node.pass(label)
        }
    }

    /// As it is now.
    package var snapshot: Node { root.copy() }
}
