// SPDX-License-Identifier: Apache-2.0

/// The release that every binary of the project reports.
package enum Version {
    package static let current = "0.1.0"
}
