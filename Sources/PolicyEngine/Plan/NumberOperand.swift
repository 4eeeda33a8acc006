// SPDX-License-Identifier: Apache-2.0
internal import CRecords

/// How numbers are compared with: the cheapest way that says the same.
struct NumberOperand {
    var operation: pol_op
    var operand = pol_operand()
    var set: SetContent?

    /// One of these.
    ///
    /// - Parameter ranges: not empty; as the argument's type has them, with sign where it has one.
    init(oneOf ranges: [ClosedRange<Int128>]) {
        let ranges = Self.merged(ranges)
        if ranges.count == 1, let range = ranges.first {
            operation = range.count == 1 ? POL_EQUAL : POL_RANGE
            operand.a = UInt64(truncatingIfNeeded: range.lowerBound)
            // What compares with one number has no second, so that rows that say the same are the same.
            if range.count > 1 { operand.b = UInt64(truncatingIfNeeded: range.upperBound) }
        } else if ranges.allSatisfy({ $0.count == 1 }) {
            operation = POL_IN
            set = .numbers(ranges.map { UInt64(truncatingIfNeeded: $0.lowerBound) }.sorted())
        } else {
            operation = POL_IN_RANGES
            set = .ranges(Self.unsigned(ranges))
        }
    }

    init(_ operation: pol_op, _ number: Int128) {
        self.operation = operation
        operand.a = UInt64(truncatingIfNeeded: number)
    }

    /// In order, with those that touch made one.
    private static func merged(_ ranges: [ClosedRange<Int128>]) -> [ClosedRange<Int128>] {
        ranges.sorted { $0.lowerBound < $1.lowerBound }.reduce(into: []) { merged, range in
            if let last = merged.last, range.lowerBound <= last.upperBound + 1 {
                merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
    }

    /// As the kernel keeps them: what is below 0 stands above everything else.
    private static func unsigned(_ ranges: [ClosedRange<Int128>]) -> [ClosedRange<UInt64>] {
        ranges.flatMap { range -> [ClosedRange<UInt64>] in
            let (low, high) = (range.lowerBound, range.upperBound)
            if low < 0, high >= 0 {
                return [0...UInt64(truncatingIfNeeded: high), UInt64(truncatingIfNeeded: low)...UInt64.max]
            }
            return [UInt64(truncatingIfNeeded: low)...UInt64(truncatingIfNeeded: high)]
        }.sorted { $0.lowerBound < $1.lowerBound }
    }
}
