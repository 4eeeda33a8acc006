// SPDX-License-Identifier: Apache-2.0

/// Something that happened to a process, with all that is known of it and its parent at that moment.
package struct ProcessEvent {
    package enum Kind: Equatable {
        case exec
        /// `code` as wait() reports it: exit status << 8 | core << 7 | signal.
        case exit(code: Int32)
        /// The sensor `test` is on, and this exec is what it looks out for.
        case test(TestMarker)
        /// A policy's hook was hit.
        case policy(PolicyHit)
        /// A program or library was mapped to be run.
        case loader(LoadedFile)
    }

    package let kind: Kind
    /// Nanoseconds of CLOCK_BOOTTIME.
    package let bootTime: UInt64
    /// Nanoseconds since 1970.
    package let time: Int64
    package let process: ProcessImage
    package let references: UInt32
    package let parent: ProcessImage?
    package let parentReferences: UInt32
    /// From the parent's parent on.
    package let ancestors: Ancestors

    package init(
        kind: Kind, bootTime: UInt64, time: Int64, process: ProcessImage, references: UInt32, parent: ProcessImage?,
        parentReferences: UInt32, ancestors: Ancestors = .none
    ) {
        self.kind = kind
        self.bootTime = bootTime
        self.time = time
        self.process = process
        self.references = references
        self.parent = parent
        self.parentReferences = parentReferences
        self.ancestors = ancestors
    }

    /// The same, told otherwise.
    package func with(_ kind: Kind) -> ProcessEvent {
        ProcessEvent(
            kind: kind, bootTime: bootTime, time: time, process: process, references: references, parent: parent,
            parentReferences: parentReferences, ancestors: ancestors)
    }
}
