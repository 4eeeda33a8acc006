// SPDX-License-Identifier: Apache-2.0

/// The API's name of a process image: base64 of `<node>:<ktime>:<pid>`, ktime being the boot-time nanoseconds at
/// which the image began and pid the host's.
package struct ExecIDMaker: Sendable {
    private let prefix: [UInt8]

    package init(node: String) { prefix = Array("\(node):".utf8) }

    package func callAsFunction(time: UInt64, pid: UInt32) -> String {
        var plain = prefix
        plain.reserveCapacity(prefix.count + 32)
        Self.append(time, to: &plain)
        plain.append(UInt8(ascii: ":"))
        Self.append(UInt64(pid), to: &plain)
        return Self.base64(plain)
    }

    private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        let start = bytes.count
        var number = number
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
            number /= 10
        } while number > 0
        bytes[start...].reverse()
    }

    private static let alphabet: [UInt8] = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// RFC 4648, padded. (Foundation's is far too dear for every exec.)
    static func base64(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4) { output in
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
