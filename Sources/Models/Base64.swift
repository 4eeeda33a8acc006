// SPDX-License-Identifier: Apache-2.0

/// The bytes of a StaticString of base64 without line breaks. Ours, because Foundation for this alone is megabytes.
package func decodeBase64(_ text: StaticString) -> [UInt8] {
    var values = [UInt8](repeating: 0, count: 256)
    for (value, letter) in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8.enumerated() {
        values[Int(letter)] = UInt8(value)
    }
    let letters = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    let padding = letters.suffix(2).count { $0 == UInt8(ascii: "=") }

    var bytes: [UInt8] = []
    bytes.reserveCapacity(letters.count / 4 * 3)
    for quad in stride(from: 0, to: letters.count - 3, by: 4) {
        var word: UInt32 = 0
        for letter in letters[quad..<quad + 4] { word = word << 6 | UInt32(values[Int(letter)]) }
        bytes.append(UInt8(truncatingIfNeeded: word >> 16))
        bytes.append(UInt8(truncatingIfNeeded: word >> 8))
        bytes.append(UInt8(truncatingIfNeeded: word))
    }
    bytes.removeLast(padding)
    return bytes
}
