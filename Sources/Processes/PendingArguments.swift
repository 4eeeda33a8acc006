// SPDX-License-Identifier: Apache-2.0
internal import CRecords

/// An exec whose arguments are still arriving.
///
/// The program that sends them is not interrupted by another of ours on its CPU: exec and continuations carry
/// consecutive numbers. So any other record of that CPU, or a quiet ring, says that no more will come.
struct PendingArguments {
    /// The exec's record as it arrived.
    let exec: [UInt8]
    let image: rec_image
    let wanted: Int
    private(set) var arguments: [UInt8]
    private(set) var hasGap = false

    init(exec: UnsafeRawBufferPointer, image: rec_image, inline: UnsafeRawBufferPointer, wanted: Int) {
        self.exec = Array(exec)
        self.image = image
        self.wanted = wanted
        arguments = []
        arguments.reserveCapacity(wanted)
        arguments.append(contentsOf: inline)
    }

    var isComplete: Bool { arguments.count >= wanted }

    /// Takes a continuation; one behind a lost one is left out, so that what is shown is a true beginning.
    mutating func append(_ data: UnsafeRawBufferPointer, at offset: Int) {
        guard !hasGap, offset == arguments.count else {
            hasGap = true
            return
        }
        arguments.append(contentsOf: data.prefix(wanted - arguments.count))
    }
}
