// SPDX-License-Identifier: Apache-2.0

/// The API's name of a process image: base64 of `<node>:<ktime>:<pid>`, ktime being the boot-time nanoseconds at
/// which the image began and pid the host's.
package struct ExecIDMaker: Sendable {
    private let prefix: [UInt8]
    /// A colon and a number, twice.
    private static let largestSuffix = 2 * 21

    package init(node: String) { prefix = Array("\(node):".utf8) }

    package func callAsFunction(time: UInt64, pid: UInt32) -> String {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: prefix.count + Self.largestSuffix) { plain in
            _ = plain.initialize(from: prefix)
            var count = prefix.count
            Self.append(time, to: plain, &count)
            plain[count] = UInt8(ascii: ":")
            count += 1
            Self.append(UInt64(pid), to: plain, &count)
            return Self.base64(UnsafeBufferPointer(rebasing: plain[..<count]))
        }
    }

    private static func append(_ number: UInt64, to bytes: UnsafeMutableBufferPointer<UInt8>, _ count: inout Int) {
        var digits = 1
        var rest = number
        while rest >= 10 { rest /= 10; digits += 1 }
        if let start = bytes.baseAddress { ByteBuilder.write(number, digits, at: start + count) }
        count += digits
    }

    private static let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

    /// RFC 4648, padded. (Foundation's is far too dear for every exec.)
    static func base64(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        let alphabet = alphabet.utf8Start
        return String(unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4) { output in
            var at = 0
            var index = 0
            while index < bytes.count {
                let left = bytes.count - index
                let group =
                    UInt32(bytes[index]) << 16 | (left > 1 ? UInt32(bytes[index + 1]) << 8 : 0)
                    | (left > 2 ? UInt32(bytes[index + 2]) : 0)
                output[at] = alphabet[Int(group >> 18)]
                output[at + 1] = alphabet[Int(group >> 12 & 63)]
                output[at + 2] = left > 1 ? alphabet[Int(group >> 6 & 63)] : UInt8(ascii: "=")
                output[at + 3] = left > 2 ? alphabet[Int(group & 63)] : UInt8(ascii: "=")
                at += 4
                index += 3
            }
            return at
        }
    }
}
