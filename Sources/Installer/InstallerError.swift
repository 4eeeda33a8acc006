// SPDX-License-Identifier: Apache-2.0

/// What was attempted on what, why it did not work, and what to do. Text from files may be in it: whoever shows it makes
/// it safe for terminals.
package struct InstallerError: Error, CustomStringConvertible, Equatable {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }

    /// An error of the system, with errno as it is at the time of the call.
    static func system(_ attempt: String, _ number: Int32, advice: String? = nil) -> InstallerError {
        InstallerError("cannot \(attempt): \(systemMessage(number))" + (advice.map { ". \($0)" } ?? ""))
    }
}
