// SPDX-License-Identifier: Apache-2.0

internal import Crypto

/// By what a later edit of a file is told.
enum FileDigest {
    /// SHA-256 in hexadecimal, as `sha256sum` prints it.
    static func hex(_ bytes: [UInt8]) -> String {
        SHA256.hash(data: bytes).map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
}
