// SPDX-License-Identifier: Apache-2.0
package import CRecords

/// Finds any of several texts in one pass over the bytes (Aho and Corasick), in the form that bpf/policy_search.bpf.h
/// runs: what a search costs does not depend on how many texts there are.
package struct SubstringAutomaton: Sendable {
    /// Of each byte: those that no text tells apart have one.
    package private(set) var classes = [UInt8](repeating: 0, count: 256)
    /// The next state, by state and class. ``found`` has none.
    package private(set) var next: [[UInt16]] = []
    private let classCount: Int

    package static let found = UInt16(POL_FOUND)

    /// States that one automaton may have: as many as its numbers can name.
    package static let statesMax = Int(POL_FOUND) - 1

    /// - Parameters:
    ///   - texts: not empty, and none of them is.
    ///   - anyCase: whether ASCII letters count for each other in either case.
    /// - Returns: nil for no text, an empty one, or more than ``statesMax`` bytes of them.
    package init?(_ texts: [[UInt8]], anyCase: Bool) {
        let texts = anyCase ? texts.map { $0.map(Self.lowercased) } : texts
        guard !texts.isEmpty, texts.allSatisfy({ !$0.isEmpty }),
            texts.reduce(0, { $0 + $1.count }) < Self.statesMax
        else { return nil }

        // Class 0 is whatever no text has. 255 classes are enough: of 256 bytes that all differ, one may be that.
        var count = 1
        for byte in Set(texts.joined()).sorted() where count < 256 {
            classes[Int(byte)] = UInt8(truncatingIfNeeded: count)
            count += 1
        }
        classCount = min(count, 256)
        if anyCase {
            for byte in UInt8.min...UInt8.max { classes[Int(byte)] = classes[Int(Self.lowercased(byte))] }
        }
        build(texts)
    }

    /// States by the texts' letters, then for each, breadth first, where a byte leads that goes on with none of them.
    private mutating func build(_ texts: [[UInt8]]) {
        let none = UInt16.max - 1
        var failure: [UInt16] = [0]
        var ends = [false]
        next = [[UInt16](repeating: none, count: classCount)]
        for text in texts {
            var state = 0
            for byte in text {
                let letter = Int(classes[Int(byte)])
                if next[state][letter] == none {
                    next[state][letter] = UInt16(next.count)
                    next.append([UInt16](repeating: none, count: classCount))
                    failure.append(0)
                    ends.append(false)
                }
                state = Int(next[state][letter])
            }
            ends[state] = true
        }
        var queue = [0]
        var head = 0
        while head < queue.count {
            let state = queue[head]
            head += 1
            for letter in 0..<classCount {
                let fallback = state == 0 ? 0 : next[Int(failure[state])][letter]
                let child = next[state][letter]
                guard child != none else {
                    next[state][letter] = fallback
                    continue
                }
                failure[Int(child)] = fallback
                if ends[Int(fallback)] { ends[Int(child)] = true }
                queue.append(Int(child))
            }
        }
        for state in next.indices {
            for letter in 0..<classCount where ends[Int(next[state][letter])] { next[state][letter] = Self.found }
        }
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }

    /// Whether one of the texts is in `bytes`, as the kernel finds it.
    package func isFound(in bytes: [UInt8]) -> Bool {
        var state: UInt16 = 0
        for byte in bytes {
            state = next[Int(state)][Int(classes[Int(byte)])]
            if state == Self.found { return true }
        }
        return false
    }

    // MARK: In the kernel

    /// Rows of pol_transitions that a state takes.
    var width: Int { (classCount + Int(POL_TRANSITIONS.rawValue) - 1) / Int(POL_TRANSITIONS.rawValue) }

    /// Rows of pol_transitions that it takes: 64 bytes each.
    package var rows: Int { next.count * width }

    /// The transitions of one of them.
    func row(_ index: Int) -> [UInt16] {
        let size = Int(POL_TRANSITIONS.rawValue)
        let part = next[index / width].dropFirst(index % width * size).prefix(size)
        return part + [UInt16](repeating: 0, count: size - part.count)
    }
}
