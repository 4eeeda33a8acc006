// SPDX-License-Identifier: Apache-2.0

/// Bytes that grow at their end. An Array checks at every byte whether it is shared; here there is one owner.
struct ByteBuilder: ~Copyable {
    private var start: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int) {
        self.capacity = max(capacity, 64)
        start = .allocate(capacity: self.capacity)
    }

    deinit { start.deallocate() }

    var last: UInt8? { count == 0 ? nil : start[count - 1] }

    /// What was built, and only that.
    consuming func finish() -> [UInt8] { Array(UnsafeBufferPointer(start: start, count: count)) }

    mutating func append(_ byte: UInt8) {
        if count == capacity { grow(by: 1) }
        start[count] = byte
        count += 1
    }

    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress, !bytes.isEmpty else { return }
        if capacity - count < bytes.count { grow(by: bytes.count) }
        (start + count).update(from: source, count: bytes.count)
        count += bytes.count
    }

    mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBufferPointer { append($0) } }

    mutating func append(_ text: StaticString) { text.withUTF8Buffer { append($0) } }

    /// `first`, `text` and `last` as one piece.
    mutating func append(_ first: UInt8, _ text: StaticString, _ last: StaticString) {
        let size = 1 + text.utf8CodeUnitCount + last.utf8CodeUnitCount
        if capacity - count < size { grow(by: size) }
        let place = start + count
        place[0] = first
        (place + 1).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        (place + 1 + text.utf8CodeUnitCount).update(from: last.utf8Start, count: last.utf8CodeUnitCount)
        count += size
    }

    mutating func decimal(_ number: UInt64) {
        var digits = 1
        var rest = number
        while rest >= 10 { rest /= 10; digits += 1 }
        padded(number, digits)
    }

    /// The last `digits` of a number, with zeros in front.
    mutating func padded(_ number: UInt64, _ digits: Int) {
        if capacity - count < digits { grow(by: digits) }
        Self.write(number, digits, at: start + count)
        count += digits
    }

    /// Two digits and a separator.
    mutating func pair(_ number: Int64, _ separator: UInt8) {
        if capacity - count < 3 { grow(by: 3) }
        let place = start + count
        place[0] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: UInt32(truncatingIfNeeded: number) / 10)
        place[1] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: UInt32(truncatingIfNeeded: number) % 10)
        place[2] = separator
        count += 3
    }

    static func write(_ number: UInt64, _ digits: Int, at place: UnsafeMutablePointer<UInt8>) {
        var rest = number
        var at = digits
        while at > 0 {
            at -= 1
            place[at] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    private mutating func grow(by bytes: Int) {
        capacity = max(2 * capacity, count + bytes)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        larger.update(from: start, count: count)
        start.deallocate()
        start = larger
    }
}
