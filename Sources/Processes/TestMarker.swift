// SPDX-License-Identifier: Apache-2.0

/// What the sensor `test` looks out for: any program that is executed with `apus-test` as its first argument, and then
/// up to four numbers.
///
/// Such an exec takes the whole way that others take, from the kernel to the client. A client that has seen its Test
/// event has therefore seen all that this CPU had recorded before.
package struct TestMarker: Equatable, Sendable {
    package var numbers: [UInt64]

    package static let word = "apus-test"

    package init(numbers: [UInt64]) { self.numbers = numbers }

    /// - Parameter arguments: joined by spaces.
    package init?(arguments: String) {
        guard arguments.utf8.starts(with: Self.word.utf8), arguments.utf8.count <= 128 else { return nil }
        let words = arguments.split(separator: " ")
        guard words.first == Self.word[...], words.count <= 5 else { return nil }
        numbers = words.dropFirst().compactMap { UInt64($0) }
        guard numbers.count == words.count - 1 else { return nil }
        numbers += [UInt64](repeating: 0, count: 4 - numbers.count)
    }
}
