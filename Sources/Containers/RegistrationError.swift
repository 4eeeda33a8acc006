// SPDX-License-Identifier: Apache-2.0

/// Why a container was not registered. The message says what was attempted, on what, and why it failed.
package struct RegistrationError: Error, Equatable, CustomStringConvertible {
    package enum Code: String, Sendable, CaseIterable {
        /// The request itself is wrong: a missing or malformed field.
        case invalid
        /// What the request says is not what the kernel shows.
        case denied
        /// The agent cannot take it now; trying again may help.
        case unavailable
        /// The caller has as many calls under way as it may.
        case busy
        /// The agent tried and failed.
        case failed
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
