// SPDX-License-Identifier: Apache-2.0

/// The name that somebody meant: the one with the fewest letters to change, if they are few, or one that begins so.
package func nearestName(to name: String, among names: some Sequence<String>) -> String? {
    let wanted = Array(name.lowercased().unicodeScalars.prefix(65))
    guard wanted.count <= 64, !wanted.isEmpty else { return nil }
    var best: (name: String, distance: Int)?
    for candidate in names {
        let letters = Array(candidate.lowercased().unicodeScalars)
        let shorter = min(wanted.count, letters.count)
        let limit = shorter < 3 ? 0 : shorter / 3
        let isBeginning = wanted.count >= 3 && letters.starts(with: wanted)
        guard isBeginning || abs(letters.count - wanted.count) <= limit else { continue }
        let distance = isBeginning ? min(limit, 1) : editDistance(wanted, letters)
        if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.name
}

/// Letters to insert, remove, replace, or swap with their neighbour.
private func editDistance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
    var before = [Int](repeating: 0, count: right.count + 1)
    var last = Array(0...right.count)
    for (row, letter) in left.enumerated() {
        var next = [row + 1]
        for (column, other) in right.enumerated() {
            var distance = min(last[column] + (letter == other ? 0 : 1), last[column + 1] + 1, next[column] + 1)
            if row > 0, column > 0, letter == right[column - 1], left[row - 1] == other {
                distance = min(distance, before[column - 1] + 1)
            }
            next.append(distance)
        }
        (before, last) = (last, next)
    }
    return last[right.count]
}
