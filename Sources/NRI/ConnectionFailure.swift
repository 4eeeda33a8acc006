// SPDX-License-Identifier: Apache-2.0

/// Why there is no connection to the runtime, or none any more.
package struct ConnectionFailure: Error, Equatable, CustomStringConvertible {
    /// What was being done, and with what.
    package let attempt: String
    package let reason: String
    /// What its reader can do about it.
    package let advice: String

    package var description: String { "\(attempt): \(reason); \(advice)" }

    /// The runtime's side of the connection does not follow the protocol. Nothing that comes after can be trusted:
    /// where the next frame begins is not known any more.
    static func protocolViolation(_ reason: String) -> Self {
        Self(
            attempt: "reading what the runtime sends", reason: reason,
            advice: "see that the socket is the NRI socket of containerd or CRI-O")
    }
}

extension Sequence<UInt8> {
    /// The number that the first four bytes are, most significant first.
    var bigEndian: UInt32 { prefix(4).reduce(0) { $0 << 8 | UInt32($1) } }
}

extension UInt32 {
    var bigEndianBytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> (24 - 8 * $0)) } }
}
