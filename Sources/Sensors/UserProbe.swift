// SPDX-License-Identifier: Apache-2.0

/// A probe that a program or library brings (USDT): where in its file it is, and what it passes at each of these places.
package struct UserProbe: Sendable, Hashable {
    package var path: String
    package var provider: String
    package var name: String
    /// Which file was read: another one of the same path is another program.
    package var file: FileIdentity
    /// In the order of their offsets, each of them once; never empty.
    package var locations: [Location]

    package struct FileIdentity: Sendable, Hashable {
        package var device: UInt64
        package var inode: UInt64

        package init(device: UInt64, inode: UInt64) {
            self.device = device
            self.inode = inode
        }
    }

    package struct Location: Sendable, Hashable {
        /// In the file.
        package var offset: UInt64
        /// In the file: the counter that says whether somebody watches, which the kernel raises; nil: it is not asked.
        package var semaphore: UInt64?
        package var arguments: [ProbeArgument]

        package init(offset: UInt64, semaphore: UInt64? = nil, arguments: [ProbeArgument] = []) {
            self.offset = offset
            self.semaphore = semaphore
            self.arguments = arguments
        }
    }

    package init(path: String, provider: String, name: String, file: FileIdentity, locations: [Location]) {
        self.path = path
        self.provider = provider
        self.name = name
        self.file = file
        self.locations = locations
    }
}

/// Why a file has not the probe that was asked for.
package struct UserProbeError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Part: Sendable { case path, provider, name }

    /// What of a policy's hook is wrong.
    package let part: Part
    package let description: String

    package init(_ part: Part, _ description: String) {
        self.part = part
        self.description = description
    }
}
