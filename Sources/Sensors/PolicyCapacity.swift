// SPDX-License-Identifier: Apache-2.0
internal import CRecords

/// How many entries the maps of a policy's program have; none: there is no such map.
package struct PolicyCapacity: Sendable, Equatable {
    package var rows = 1
    package var lists = 0
    package var numbers = 0
    /// By the bytes that a text has at most.
    package var bytes: [Int: Int] = [:]
    package var lengths = 0
    package var addresses = 0
    package var rates = 0
    /// Prefixes of numbers: see ``PolicyProgram/prefixes(of:)``.
    package var ranges = 0
    package var automata = 0
    /// Rows of all automata: ``SubstringAutomaton/rows``.
    package var transitions = 0
    /// Processes whose changes are told, each by each row; the oldest make room.
    package var changes = 0

    package init() {}

    package static let longestBytes = 4088
    private static let buckets = [24, 120, 504, longestBytes]

    /// Which sizes of texts there are, as enum pol_bucket has them.
    var bucketMask: UInt8 {
        zip(Self.buckets, 0...).reduce(0) { (bytes[$1.0] ?? 0) > 0 ? $0 | 1 << $1.1 : $0 }
    }

    /// The size of the keys among which a text of this length is; nil for one that is too long.
    package static func bucket(of length: Int) -> Int? { buckets.first { length <= $0 } }

    /// The maps whose keys name a set.
    static let setMaps = ["pol_numbers", "pol_addresses"] + buckets.map { "pol_bytes_\($0)" }

    var entries: [(String, Int)] {
        [
            ("pol_rows", rows), ("pol_lists", lists), ("pol_numbers", numbers), ("pol_prefix_lengths", lengths),
            ("pol_addresses", addresses), ("pol_rates", rates), ("pol_ranges", ranges), ("pol_automata", automata),
            ("pol_transitions", transitions), ("pol_changes", changes),
            ("pol_row_counts", rows * Int(POL_SELECTORS_MAX.rawValue)),
        ] + Self.buckets.map { ("pol_bytes_\($0)", bytes[$0] ?? 0) }
    }
}
