// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A piece of an array of bytes: what CEL's strings (then it is UTF-8) and bytes are made of.
///
/// CEL compares strings code point by code point, which for UTF-8 is byte by byte; Swift's String compares what
/// Unicode holds for the same. A field of an encoded message is a piece of it and copies nothing.
package struct ByteString: Sendable {
    let storage: [UInt8]
    private let lower: UInt32
    private let upper: UInt32

    /// At most 4 GiB; protobuf ends at half of it.
    package init(_ bytes: [UInt8]) {
        storage = bytes
        lower = 0
        upper = UInt32(clamping: bytes.count)
    }

    package init(_ text: String) { self.init(Array(text.utf8)) }

    init(_ storage: [UInt8], _ range: Range<Int>) {
        self.storage = storage
        lower = UInt32(clamping: range.lowerBound)
        upper = UInt32(clamping: range.upperBound)
    }

    static let empty = ByteString([])

    package var count: Int { Int(upper) - Int(lower) }
    var isEmpty: Bool { upper == lower }
    /// Where the piece is in `storage`.
    var range: Range<Int> { Int(lower)..<Int(upper) }
    package var bytes: ArraySlice<UInt8> { storage[range] }

    /// The text; bytes that are no UTF-8 become U+FFFD.
    package var string: String { String(decoding: bytes, as: UTF8.self) }

    subscript(offset: Int) -> UInt8 { storage[Int(lower) + offset] }

    subscript(range: Range<Int>) -> ByteString {
        ByteString(storage, Int(lower) + range.lowerBound..<Int(lower) + range.upperBound)
    }

    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        storage.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    func hasPrefix(_ other: ByteString) -> Bool { count >= other.count && self[0..<other.count] == other }
    func hasSuffix(_ other: ByteString) -> Bool { count >= other.count && self[count - other.count..<count] == other }

    /// Where `other` is found first at `start` or later.
    func firstIndex(of other: ByteString, from start: Int = 0) -> Int? {
        guard start <= count else { return nil }
        if other.isEmpty { return start }
        return withUnsafeBytes { text in
            other.withUnsafeBytes { sought in
                guard let base = text.baseAddress, let pattern = sought.baseAddress, let first = sought.first else {
                    return nil
                }
                var index = start
                while index + sought.count <= text.count {
                    let candidates = text.count - sought.count + 1 - index
                    guard let found = memchr(base + index, Int32(first), candidates) else { return nil }
                    index = UnsafeRawPointer(found) - base
                    if memcmp(base + index, pattern, sought.count) == 0 { return index }
                    index += 1
                }
                return nil
            }
        }
    }

    static func + (left: ByteString, right: ByteString) -> ByteString {
        if left.isEmpty { return right }
        if right.isEmpty { return left }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(left.count + right.count)
        bytes += left.bytes
        bytes += right.bytes
        return ByteString(bytes)
    }
}

extension ByteString: Hashable, Comparable {
    package static func == (left: ByteString, right: ByteString) -> Bool {
        left.count == right.count
            && left.withUnsafeBytes { a in
                right.withUnsafeBytes { b in
                    guard let x = a.baseAddress, let y = b.baseAddress else { return true }
                    return x == y || memcmp(x, y, a.count) == 0
                }
            }
    }

    package static func < (left: ByteString, right: ByteString) -> Bool {
        let common = min(left.count, right.count)
        let order = left.withUnsafeBytes { a in
            right.withUnsafeBytes { b in
                guard let x = a.baseAddress, let y = b.baseAddress else { return Int32(0) }
                return memcmp(x, y, common)
            }
        }
        return order == 0 ? left.count < right.count : order < 0
    }

    package func hash(into hasher: inout Hasher) {
        withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}

extension ByteString: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) { self.init(text) }
}

// MARK: Text

extension ByteString {
    var isASCII: Bool { withUnsafeBytes { $0.allSatisfy { $0 < 0x80 } } }
    var isUTF8: Bool { isASCII || String(validating: bytes, as: UTF8.self) != nil }

    /// Code points; of text only.
    var scalarCount: Int {
        withUnsafeBytes { $0.reduce(0) { $1 & 0xC0 == 0x80 ? $0 : $0 + 1 } }
    }

    /// Where each code point begins, and the end; of text only.
    var scalarOffsets: [Int] { (0..<count).filter { self[$0] & 0xC0 != 0x80 } + [count] }

    var scalars: String.UnicodeScalarView { string.unicodeScalars }

    init(_ scalars: some Sequence<Unicode.Scalar>) {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        self.init(String(view))
    }
}
