// SPDX-License-Identifier: Apache-2.0

/// A program or library that a process mapped to run it.
package struct LoadedFile: Sendable, Equatable {
    package var path: String
    /// The note that linkers leave; empty of a file without one.
    package var buildID: [UInt8]

    package init(path: String, buildID: [UInt8]) {
        self.path = path
        self.buildID = buildID
    }
}
