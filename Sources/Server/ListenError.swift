package import Models
// SPDX-License-Identifier: Apache-2.0
internal import SystemPackage

/// Why the agent cannot listen where it was told to.
package struct ListenError: Error, CustomStringConvertible {
    package let address: ListenAddress
    package let reason: String

    package init(_ address: ListenAddress, _ reason: String) {
        self.address = address
        self.reason = reason
    }

    package var description: String { "cannot listen on \(address): \(reason)" }
}
