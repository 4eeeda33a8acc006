// SPDX-License-Identifier: Apache-2.0
internal import SystemPackage

/// Why something cannot be done with an export file, in words.
package struct ExportError: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }

    init(_ error: Errno) {
        self.init(error == .tooManySymbolicLinkLevels ? "it is a symbolic link" : "\(error)")
    }
}
