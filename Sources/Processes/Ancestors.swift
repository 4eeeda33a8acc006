// SPDX-License-Identifier: Apache-2.0

/// The images above a process, nearest first, up to pid 1. They share what they have in common.
///
/// Owned by the writer thread, like the images.
package struct Ancestors: Sequence, @unchecked Sendable {
    private let nearest: Node?

    /// So many are remembered at most, and half as many of a family that has more. Those that are over stay in memory
    /// for as long as something descends from them, so there must be an end to them.
    package static let most = 64

    package static let none = Ancestors(nearest: nil)

    /// The same with one more below them.
    func adding(_ image: ProcessImage) -> Ancestors {
        guard !Self.isFirst(image.pid) else {
            return image.pid == 0 ? .none : Ancestors(nearest: Node(image, above: nil))
        }
        var above = nearest
        // Of a process that executes one program after the other its first and its last are remembered.
        if let nearest, let next = nearest.above, nearest.image.pid == image.pid, next.image.pid == image.pid {
            above = next
        }
        if let deep = above, deep.count >= Self.most {
            above = deep.slots(Self.most / 2).reversed().reduce(nil) { Node($1, above: $0) }
        }
        return Ancestors(nearest: Node(image, above: above))
    }

    /// Pid 1, and 2 among the kernel's own: nothing above them is told of.
    static func isFirst(_ pid: UInt32) -> Bool { pid <= 2 }

    /// The nearest is over. What descends from it needs not all of its arguments.
    func nearestIsOver() {
        // One that still waits for its container's name gets it by what is in the table.
        guard let nearest, nearest.image.heldFor == nil, nearest.image.canBeAbridged else { return }
        nearest.slot.image = nearest.image.abridged
    }

    package struct Iterator: IteratorProtocol {
        fileprivate var node: Node?

        package mutating func next() -> ProcessImage? {
            defer { node = node?.above }
            return node?.image
        }
    }

    package func makeIterator() -> Iterator { Iterator(node: nearest) }

    /// An image, for all lists that it is in.
    fileprivate final class Slot {
        var image: ProcessImage

        init(_ image: ProcessImage) { self.image = image }
    }

    fileprivate final class Node {
        let slot: Slot
        let above: Node?
        let count: Int

        var image: ProcessImage { slot.image }

        init(_ slot: Slot, above: Node?) {
            self.slot = slot
            self.above = above
            count = (above?.count ?? 0) + 1
        }

        convenience init(_ image: ProcessImage, above: Node?) { self.init(Slot(image), above: above) }

        /// From here upward.
        func slots(_ length: Int) -> [Slot] {
            var (slots, node): ([Slot], Node?) = ([], self)
            while let next = node, slots.count < length {
                slots.append(next.slot)
                node = next.above
            }
            return slots
        }
    }
}
