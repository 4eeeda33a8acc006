// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// A group of the system.
package enum GroupName {
    /// The group's number: by its name in the system's database, or as it is if it is one.
    package static func number(of name: String) -> UInt32? {
        if let number = UInt32(name) { return number }
        var group = Glibc.group()
        var found: UnsafeMutablePointer<Glibc.group>?
        var buffer = [CChar](repeating: 0, count: 1 << 16)
        guard getgrnam_r(name, &group, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return group.gr_gid
    }
}
